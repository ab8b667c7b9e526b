//! The fuzz targets of what comes from other nodes, over their seeds (fuzz/README.md).

#[path = "../../../fuzz/targets/replay.rs"]
mod replay;

#[path = "../../../fuzz/targets/cluster_link.rs"]
mod link;
#[path = "../../../fuzz/targets/cluster_messages.rs"]
mod messages;
#[path = "../../../fuzz/targets/cluster_reports.rs"]
mod reports;
#[path = "../../../fuzz/targets/cluster_seal.rs"]
mod seal;

use replay::replay;

#[test]
fn bytes_of_strangers_on_a_link() {
    replay("cluster_link", link::run);
}

#[test]
fn messages_in_any_order() {
    replay("cluster_messages", messages::run);
}

#[test]
fn reports_of_every_form() {
    replay("cluster_reports", reports::run);
}

#[test]
fn somebody_in_the_middle() {
    replay("cluster_seal", seal::run);
}
