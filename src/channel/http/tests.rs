use rstest::rstest;

use super::*;
use crate::channel::testing::{Cart, Reply, client};

async fn call(http: &CartHttp, url: &str) -> Result<Answer, ChannelError> {
    http.send(http.post(url)?.body("{}")).await
}

async fn answer_to(reply: Reply) -> Result<Answer, ChannelError> {
    let cart = Cart::answering(vec![reply]).await;
    call(&client(), &format!("{}/?secret=hush", cart.base)).await
}

fn impatient() -> CartHttp {
    CartHttp::new(Outbound {
        allow_private: true,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_millis(200),
    })
    .unwrap()
}

fn careful() -> CartHttp {
    let patience = Duration::from_secs(20);
    CartHttp::new(Outbound { allow_private: false, connect_timeout: patience, timeout: patience })
        .unwrap()
}

#[tokio::test]
async fn an_answer_is_read_whole() {
    let answer = answer_to(Reply::http("404 Not Found", "x-note: here\r\n", "nothing")).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body, b"nothing");
    assert_eq!(answer.header("X-Note"), Some("here"));
}

#[rstest]
#[case::asked("429 Too Many Requests", "retry-after: 7\r\n", 7)]
#[case::silent("429 Too Many Requests", "", 1)]
#[case::busy("503 Service Unavailable", "retry-after: 2.0\r\n", 2)]
#[tokio::test]
async fn r46_a_cart_that_asks_to_wait_is_left_alone(
    #[case] status: &str,
    #[case] headers: &str,
    #[case] seconds: u64,
) {
    let error = answer_to(Reply::http(status, headers, "")).await.unwrap_err();
    assert_eq!(error, ChannelError::Throttled { after: Duration::from_secs(seconds) });
}

#[rstest]
#[case("500 Internal Server Error")]
#[case("502 Bad Gateway")]
#[case("503 Service Unavailable")]
#[case("504 Gateway Timeout")]
#[tokio::test]
async fn r49_a_failing_cart_is_an_outage(#[case] status: &str) {
    let error = answer_to(Reply::http(status, "", "secret text")).await.unwrap_err();
    let code = status.split(' ').next().unwrap();
    assert_eq!(error, ChannelError::Unavailable(format!("it answered {code}")));
}

#[rstest]
#[case::before_the_answer(Vec::new())]
#[case::within_the_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec())]
#[tokio::test]
async fn r49_a_cart_that_hangs_is_an_outage(#[case] head: Vec<u8>) {
    let cart = Cart::answering(vec![Reply::Hang(head)]).await;
    let error = call(&impatient(), &cart.base).await.unwrap_err();
    assert_eq!(error, ChannelError::Unavailable("no answer within 0.2 s".to_owned()));
}

#[rstest]
#[case::before_the_answer(Vec::new())]
#[case::within_the_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec())]
#[case::no_http(b"220 mail ready\r\n\r\n".to_vec())]
#[tokio::test]
async fn r49_a_cut_connection_is_an_outage(#[case] bytes: Vec<u8>) {
    let error = answer_to(Reply::Bytes(bytes)).await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[tokio::test]
async fn r49_a_closed_port_is_an_outage() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?secret=hush", listener.local_addr().unwrap());
    drop(listener);
    let error = call(&client(), &url).await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    assert!(error.to_string().contains("no connection: "), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    let error = answer_to(Reply::Endless(head, vec![b' '; 1 << 20])).await.unwrap_err();
    assert_eq!(error, ChannelError::Protocol("it is longer than 32 MiB".to_owned()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Cart::answering(vec![Reply::json("{}")]).await;
    let headers = format!("location: {}\r\n", elsewhere.base);
    let error = answer_to(Reply::http("302 Found", &headers, "")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Protocol(_)), "{error}");
    assert!(elsewhere.asked().is_empty());
}

#[rstest]
#[case::plain("http://pine.myshopify.com/")]
#[case::literal("https://10.0.0.1/")]
#[case::v6("https://[::1]/")]
#[case::name("https://localhost:1/")]
#[tokio::test]
async fn private_addresses_are_refused(#[case] url: &str) {
    let error = call(&careful(), url).await.unwrap_err();
    assert!(matches!(error, ChannelError::Forbidden(_)), "{error:?}");
    assert!(error.to_string().contains("outbound.allow_private"), "{error}");
}

#[rstest]
#[case("")]
#[case("pine.myshopify.com")]
#[case("file:///etc/passwd")]
#[case("data:text/plain,hi")]
#[tokio::test]
async fn only_http_is_called(#[case] url: &str) {
    for http in [client(), careful()] {
        let error = call(&http, url).await.unwrap_err();
        assert!(matches!(error, ChannelError::Forbidden(_)), "{error:?}");
    }
}
