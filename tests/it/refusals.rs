//! What stands in the way of a start: one clear sentence each, and the right exit code.

use crate::support::daemon::{BINARY, Home};

async fn serve(home: &Home) -> (i32, String) {
    let output = home.run(&["serve"]).await;
    let sentence = output.stderr.lines().last().unwrap_or_default().to_owned();
    (output.code(), sentence)
}

#[tokio::test]
async fn bad_configuration_names_file_line_and_key() {
    let home = Home::new("[webhooks]\nmax_body_byte = 5\n");
    let output = home.run(&["check-config"]).await;
    assert_eq!(output.code(), 78, "{output:?}");
    let line = std::fs::read_to_string(home.path("config.toml")).unwrap();
    let number = line.lines().position(|line| line.starts_with("max_body_byte")).unwrap() + 1;
    assert!(output.stderr.contains(&format!("config.toml:{number}")), "{output:?}");
    assert!(output.stderr.contains("max_body_bytes"), "a suggestion: {output:?}");
    assert_eq!(serve(&home).await.0, 78);
}

#[tokio::test]
async fn a_missing_or_wrong_master_key() {
    let home = Home::new("");
    std::fs::remove_file(home.path("master.key")).unwrap();
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 78, "{sentence}");
    assert!(sentence.contains("master.key"), "{sentence}");
    std::fs::write(home.path("master.key"), "short").unwrap();
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 78, "{sentence}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written() {
    let home = Home::new("");
    // A file where the folder should be: not even root can write into it.
    std::fs::write(home.path("data"), "in the way").unwrap();
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 78, "{sentence}");
    assert!(sentence.contains("data folder"), "{sentence}");
}

#[tokio::test]
async fn a_second_daemon_on_the_folder_is_told_who_holds_it() {
    let home = Home::new("");
    let daemon = home.start().await;
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 75, "{sentence}");
    assert!(sentence.contains(&daemon.pid().to_string()), "{sentence}");
}

#[tokio::test]
async fn a_port_in_use() {
    let home = Home::new("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let config = std::fs::read_to_string(home.path("config.toml")).unwrap();
    let config = config.replacen("127.0.0.1:0", &port.to_string(), 1);
    std::fs::write(home.path("config.toml"), config).unwrap();
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 75, "{sentence}");
    assert!(sentence.contains(&port.port().to_string()), "{sentence}");
}

#[tokio::test]
async fn a_damaged_database() {
    let home = Home::new("");
    std::fs::create_dir(home.path("data")).unwrap();
    std::fs::write(home.path("data/instasync.db"), "this is no database ".repeat(500)).unwrap();
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 74, "{sentence}");
}

#[tokio::test]
async fn postgres_is_refused_with_one_sentence() {
    let home = Home::new("");
    let config = std::fs::read_to_string(home.path("config.toml")).unwrap();
    let from = config.lines().find(|line| line.starts_with("url = ")).unwrap().to_owned();
    std::fs::write(home.path("config.toml"), config.replace(&from, "url = \"postgres://db/book\""))
        .unwrap();
    let (code, sentence) = serve(&home).await;
    assert_eq!(code, 78, "{sentence}");
    assert!(sentence.contains("PostgreSQL") || sentence.contains("postgres"), "{sentence}");
}

#[tokio::test]
async fn nobody_there_to_talk_to() {
    let home = Home::new("");
    let output = home.run(&["order", "list"]).await;
    assert_eq!(output.code(), 69, "{output:?}");
    assert_eq!(output.stderr.trim().lines().count(), 1, "{output:?}");
}

#[tokio::test]
async fn what_later_builds_will_do_is_refused_in_one_sentence() {
    let home = Home::new("");
    for command in [&["backup", "x"][..], &["product", "list"]] {
        let output = home.run(command).await;
        assert_eq!(output.code(), 2, "{command:?} {output:?}");
        assert_eq!(output.stderr.trim().lines().count(), 1, "{output:?}");
    }
    let unknown = std::process::Command::new(BINARY).arg("frobnicate").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}
