//! Tasks, when they are due, and their runs.

use super::book::Book;
use crate::domain::{CartOrderId, Position, Source, StoreId, Task, Timestamp};
use crate::ledger::{
    Due, DueTask, Journaled, Run, StartTask, TaskProgress, TaskRow, TaskSettings, Written,
};

impl Book {
    pub(super) fn set_task(&mut self, settings: &TaskSettings) -> Written {
        let TaskSettings { store, task, instasync, autosync, next_due } = *settings;
        let new = || TaskRow::new(task, Timestamp(0));
        let row = self.tasks.entry((store, task)).or_insert_with(new);
        (row.instasync, row.autosync, row.next_due) = (instasync, autosync, next_due);
        Written::Done
    }

    pub(super) fn start_task(&mut self, start: &StartTask) -> Written {
        if let Some(due) = &start.due
            && self.put_off(start.store, start.task, due) == Written::Moved
        {
            return Written::Moved;
        }
        let topic = &start.event.topic;
        let mut open = self.open.get(&start.store).into_iter().flat_map(|open| open.keys());
        let running = open.find(|at| {
            let event = self.events.get(&(start.store, **at));
            event.is_some_and(|it| it.row.topic == *topic && it.row.source != Source::Webhook)
        });
        match running {
            Some(at) => Written::Journaled(Journaled { position: *at, duplicate: true }),
            None => Written::Journaled(self.journal(&start.event)),
        }
    }

    pub(super) fn put_off(&mut self, store: StoreId, task: Task, due: &Due) -> Written {
        let row = self.tasks.get_mut(&(store, task));
        let Some(row) = row.filter(|row| row.next_due == Some(due.at)) else {
            return Written::Moved;
        };
        row.next_due = due.next;
        Written::Done
    }

    pub(super) fn put_progress(&mut self, store: StoreId, write: &TaskProgress) {
        if let Some(row) = self.tasks.get_mut(&(store, write.task)) {
            row.progress = write.progress.clone();
            if let (Some(due), Some(by)) = (row.next_due, write.due_by) {
                row.next_due = Some(due.min(by));
            }
        }
    }

    pub(super) fn tasks_of(&self, store: StoreId) -> Vec<TaskRow> {
        Task::ALL.iter().filter_map(|task| self.tasks.get(&(store, *task)).cloned()).collect()
    }

    pub(super) fn due_tasks(
        &self,
        after: Option<&DueTask>,
        until: Timestamp,
        limit: usize,
    ) -> Vec<DueTask> {
        let place = |task: &DueTask| (task.due, task.store, task.task.as_str());
        let due = self.tasks.iter().filter_map(|((id, task), row)| {
            let store = &self.stores.get(id)?.row;
            let due = row.next_due.filter(|due| *due <= until)?;
            let works = !store.paused && store.disconnected_at.is_none();
            works.then_some(DueTask {
                account: store.account,
                store: *id,
                task: *task,
                due,
                autosync: row.autosync,
            })
        });
        let mut due: Vec<_> =
            due.filter(|task| after.is_none_or(|after| place(task) > place(after))).collect();
        due.sort_by_key(place);
        due.truncate(limit);
        due
    }

    pub(super) fn runs(&self, events: &[Position]) -> Vec<(Position, Run)> {
        events.iter().filter_map(|at| Some((*at, self.runs.get(at)?.clone()))).collect()
    }

    pub(super) fn told_since(
        &self,
        store: StoreId,
        changes: &[(CartOrderId, Timestamp)],
    ) -> Vec<CartOrderId> {
        let events = || self.events.range((store, Position(0))..).map(|(_, event)| &event.row);
        let told = |(id, since): &&(CartOrderId, Timestamp)| {
            events().take_while(|row| row.store == store).any(|row| {
                row.source == Source::Webhook
                    && row.cart_order_id.as_ref() == Some(id)
                    && row.received_at >= *since
            })
        };
        changes.iter().filter(told).map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn misses(&self, store: StoreId, since: Timestamp) -> u64 {
        let orders = self.orders.values().filter(|order| order.id.store == store);
        let missed = orders.filter_map(|order| order.guard.missed);
        missed.filter(|missed| missed.at >= since).count() as u64
    }
}
