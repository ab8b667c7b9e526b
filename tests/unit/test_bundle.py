"""Projects for workers: what is packed, and that nothing is unpacked elsewhere."""

import sys
import zlib
from pathlib import Path

import pytest

from gregaria.distributed.bundle import BundleError, digest_of, missing_requirements, pack, unpack


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "shop").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "locustfile.py").write_text("import shop.pages\n")
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "shop" / "pages.py").write_text("HOME = '/'\n")
    (folder / "shop" / "unused.py").write_text("")
    (folder / "data" / "names.txt").write_text("ann\n")
    (folder / "notes.txt").write_text("private\n")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)
    __import__("shop.pages")
    yield folder
    for name in ("shop", "shop.pages"):
        sys.modules.pop(name, None)


def test_what_the_locustfile_imports_goes_with_it(project: Path) -> None:
    bundle = pack([str(project / "locustfile.py")], ["data/*.txt"])
    assert sorted(bundle["files"]) == ["data/names.txt", "locustfile.py", "shop/__init__.py", "shop/pages.py"]
    folder, paths = unpack(bundle)
    assert paths == [str(folder / "locustfile.py")]
    assert (folder / "shop" / "pages.py").read_text() == "HOME = '/'\n"
    assert (folder / "data" / "names.txt").read_text() == "ann\n"


def test_a_pattern_that_finds_nothing_is_named(project: Path) -> None:
    with pytest.raises(BundleError, match=r"there is no file like data/\*\.csv"):
        pack([str(project / "locustfile.py")], ["data/*.csv"])


def bundle_of(contents: dict[str, bytes], **changed: object) -> dict[str, object]:
    files = {name: zlib.compress(content) for name, content in contents.items()}
    return {"digest": digest_of(contents), "files": files, "locustfiles": list(contents), **changed}


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "", "a\0b", "..\\evil.py"])
def test_nothing_is_written_elsewhere(name: str) -> None:
    with pytest.raises(BundleError, match="which cannot be"):
        unpack(bundle_of({name: b"x"}))


def test_what_was_changed_on_the_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="not what its digest says"):
        unpack(bundle_of({"a.py": b"x"}, digest="0" * 64))
    with pytest.raises(BundleError, match="arrived broken"):
        unpack(bundle_of({"a.py": b"x"}, files={"a.py": b"no zlib"}))
    monkeypatch.setattr("gregaria.distributed.bundle.MOST_BYTES", 1_000)
    with pytest.raises(BundleError, match="larger than"):
        unpack(bundle_of({"bomb.py": b"0" * 50_000_000}))


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    text = "pytest>=8  # here\n\n# nothing\n-r other.txt\nlocust\nno-such-thing[extra]==1.0\nhttps://example.invalid/x.whl\n"
    assert missing_requirements(text) == ["no-such-thing"]
    with pytest.raises(BundleError, match="no-such-thing"):
        unpack(bundle_of({"requirements.txt": text.encode(), "a.py": b""}))
