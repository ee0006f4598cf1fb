//! Arbiters on one tokio runtime.

use std::thread;

use actix_rt::{Arbiter, System};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;

const WORKER: &str = "shared-worker";
const DEADLINE: Duration = Duration::from_secs(10);

fn runtime() -> Arc<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Arc::new(builder.worker_threads(2).thread_name(WORKER).enable_all().build().unwrap())
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn tasks_of_an_arbiter_land_on_the_shared_workers_and_actors_stay_on_its_thread() {
    let runtime = runtime();
    let shared = Arc::clone(&runtime);
    let system = System::with_tokio_rt(|| shared);
    let shared = Arc::clone(&runtime);
    let arbiter = Arbiter::with_tokio_rt(move || shared);
    let (tell, told) = oneshot::channel();
    arbiter.spawn_fn(move || {
        let local = actix_rt::spawn(async { thread_name() });
        let task = tokio::spawn(async { thread_name() });
        actix_rt::spawn(async move {
            let names = (thread_name(), local.await.unwrap(), task.await.unwrap());
            tell.send(names).unwrap();
        });
    });
    let (arbiters, local, task) =
        system.block_on(async { timeout(DEADLINE, told).await }).unwrap().unwrap();
    assert_eq!(local, arbiters);
    assert_eq!(task, WORKER);
    arbiter.stop();
    arbiter.join().unwrap();
}

#[test]
fn a_task_outlives_the_arbiter_that_spawned_it() {
    let runtime = runtime();
    let shared = Arc::clone(&runtime);
    let system = System::with_tokio_rt(|| shared);
    let shared = Arc::clone(&runtime);
    let arbiter = Arbiter::with_tokio_rt(move || shared);
    let (go, gone) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let (begin, began) = std::sync::mpsc::channel();
    arbiter.spawn_fn(move || {
        tokio::spawn(async move {
            begin.send(()).unwrap();
            gone.await.unwrap();
            tell.send("done").unwrap();
        });
    });
    began.recv_timeout(DEADLINE).unwrap();
    arbiter.stop();
    arbiter.join().unwrap();
    go.send(()).unwrap();
    let answer = system.block_on(async { timeout(DEADLINE, told).await });
    assert_eq!(answer.unwrap(), Ok("done"));
}
