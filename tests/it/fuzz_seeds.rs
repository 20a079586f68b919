//! Every seed and every input that once broke something, through the very functions the fuzzer calls: so that a target that no
//! longer compiles, or a fault that comes back, is noticed by the ordinary tests.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

/// The inputs of a target, by name.
fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_seed_is_taken_without_a_fault() {
    let mut count = 0;
    for (name, target) in targets::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seed");
        for file in seeds {
            println!("{}", file.display());
            let data = std::fs::read(&file).expect("a seed");
            target(&data);
            // Cut anywhere, or with one byte changed, it is a stranger's input, too.
            (0..data.len()).step_by(data.len() / 16 + 1).for_each(|at| target(&data[..at]));
            for at in (0..data.len()).step_by(data.len() / 16 + 1) {
                let mut changed = data.clone();
                changed[at] ^= 0x20;
                target(&changed);
            }
            count += 1;
        }
    }
    println!("{count} seeds of {} targets", targets::TARGETS.len());
}

#[test]
fn every_target_is_a_program_of_the_fuzzer_and_has_its_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: PathBuf| -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let mut names: Vec<String> = entries.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        names.sort();
        names
    };
    let mut targets: Vec<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(names(folder.join("fuzz_targets")), targets);
    assert_eq!(names(folder.join("seeds")), targets);
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    assert!(targets.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))));
}
