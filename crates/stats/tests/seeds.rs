//! The fuzz targets of this crate over their seeds, beginnings of them and changed ones.

#[path = "../../../fuzz/targets/conditions.rs"]
mod conditions;
#[path = "../../../fuzz/targets/replay.rs"]
mod replay;

#[test]
fn conditions_of_every_shape() {
    replay::replay("conditions", conditions::run);
}
