//! Writes a table of what `make ui` left in webui/dist, for src/lib.rs to include. Without it the table holds a placeholder
//! that says so; with $GREGARIA_REQUIRE_UI (set by `make wheel`) that is an error instead.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let dist = manifest.join("../../webui/dist").canonicalize()?;
    // The folder itself is in the repository, so that cargo finds something to watch before anything was built.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-env-changed=GREGARIA_REQUIRE_UI");

    let (app, report) = (dist.join("app"), dist.join("report.html"));
    let built = app.join("index.html").is_file() && report.is_file();
    if !built && env::var_os("GREGARIA_REQUIRE_UI").is_some_and(|value| !value.is_empty()) {
        println!("cargo::error=webui/dist is not built; install Node.js 20 or newer and run `make ui`");
        return Ok(());
    }
    fs::write(out.join("assets.rs"), table(built, &app, &report)?)
}

/// The Rust text of the constants that src/lib.rs includes.
fn table(built: bool, app: &Path, report: &Path) -> io::Result<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let placeholder = source.join("placeholder_report.html");
    let report = if built { report } else { &placeholder };
    let mut text = format!("/// Whether the real page is in this build.\npub const BUILT: bool = {built};\n");
    text.push_str(&format!("const REPORT: &str = include_str!({report:?});\nconst FILES: &[File] = &[\n"));
    let mut rows = Vec::new();
    if built {
        collect(app, "", &mut rows)?;
    } else {
        rows.push(("index.html".into(), source.join("placeholder.html")));
    }
    rows.sort();
    for (name, path) in &rows {
        let packed = PathBuf::from(format!("{}.gz", path.display()));
        let packed = if packed.is_file() { format!("Some(include_bytes!({packed:?}))") } else { "None".into() };
        text.push_str(&format!("    ({name:?}, include_bytes!({path:?}), {packed}),\n"));
    }
    text.push_str("];\n");
    Ok(text)
}

/// Adds every file below a folder with its name relative to the top, other than the packed copies.
fn collect(folder: &Path, prefix: &str, rows: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), rows)?;
        } else if path.extension().is_none_or(|extension| extension != "gz") {
            rows.push((name, path));
        }
    }
    Ok(())
}
