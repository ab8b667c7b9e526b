//! What tests of the crates do with a target: run it over its seeds, over their beginnings and with bytes changed.
//! The seeds are examples of what is right, and everything that was ever found to go wrong.

use std::path::Path;

const CHANGES_OF_A_SEED: usize = 40;

/// Runs a target over the files in `fuzz/seeds/<name>`.
pub fn replay(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let files = std::fs::read_dir(&folder).expect("every target has seeds");
    let mut seeds = 0;
    for file in files {
        let path = file.expect("a readable folder").path();
        let seed = std::fs::read(&path).expect("a readable file");
        println!("{}", path.display());
        vary(&seed, run);
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", folder.display());
}

fn vary(seed: &[u8], run: fn(&[u8])) {
    run(seed);
    let step = (seed.len() / CHANGES_OF_A_SEED).max(1);
    for place in (0..seed.len()).step_by(step) {
        run(&seed[..place]);
        let mut changed = seed.to_vec();
        changed[place] ^= 1 << (place / step % 8);
        run(&changed);
    }
}
