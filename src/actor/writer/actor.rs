//! The actor itself: it sees to it that exactly one task drains the queues.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Shared, flush};
use crate::actor::supervise::SupervisorCtx;

/// The Writer.
pub(in crate::actor) struct Writer {
    shared: Arc<Shared>,
    supervisor: SupervisorCtx,
}

impl Writer {
    pub(in crate::actor) fn new(handle: &super::WriterHandle, supervisor: SupervisorCtx) -> Self {
        Self { shared: Arc::clone(&handle.shared), supervisor }
    }

    fn drain(&self, ctx: &mut Context<Self>) {
        if !self.shared.queues.begin_draining() {
            return;
        }
        let task = tokio::spawn(flush::drain(Arc::clone(&self.shared)));
        let watch = async move {
            // A crash of the task is a crash of the actor: it is counted, and the next incarnation
            // drains on. Whoever waited in the crashed batch was told by its answer being dropped.
            if let Err(crash) = task.await
                && crash.is_panic()
            {
                std::panic::resume_unwind(crash.into_panic());
            }
        };
        ctx.spawn(watch.into_actor(self));
    }
}

impl Actor for Writer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.supervisor.up();
        self.drain(ctx);
    }
}

impl Supervised for Writer {
    fn restarting(&mut self, _ctx: &mut Context<Self>) {}
}

/// Something waits and nobody drains.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Wake;

impl Handler<Wake> for Writer {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.drain(ctx);
    }
}

/// Is the actor alive? It answers whatever the disk does.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct Beat {
    pub(in crate::actor) alive: oneshot::Sender<()>,
}

impl Handler<Beat> for Writer {
    type Result = ();

    fn handle(&mut self, beat: Beat, _: &mut Context<Self>) {
        // Who asked may have lost patience.
        let _late = beat.alive.send(());
    }
}
