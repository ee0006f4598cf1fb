//! `attention`.

use super::client::Client;
use super::output::{cell, data, talk};
use super::{CliError, Exit, Global};

pub(super) async fn run(global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    let list = client.get("/api/v1/attention").await?;
    client.show(&list, || {
        let items = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        if items.is_empty() {
            return talk("Nothing needs you.");
        }
        for item in items {
            data(&format!(
                "{}  {}  {}",
                cell(item, "severity"),
                cell(item, "store"),
                cell(item, "text")
            ));
        }
    });
    Ok(Exit::Ok)
}
