"""Finding the user's function, and hashing its source without running it."""

from __future__ import annotations

import sys

import pytest

from sweeps.errors import TargetError
from sweeps.trial import load_function, source_hash


@pytest.fixture(autouse=True)
def _leave_imports_alone():
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_module_is_looked_up_in_the_search_path_in_order(tmp_path):
    write(tmp_path / "a" / "my_model.py", "def train(trial): return 'a'")
    write(tmp_path / "b" / "my_model.py", "def train(trial): return 'b'")
    assert load_function("my_model:train", [tmp_path / "a", tmp_path / "b"])(None) == "a"
    # The same name from another folder in the same process is another module.
    assert load_function("my_model:train", [tmp_path / "b", tmp_path / "a"])(None) == "b"


def test_dotted_modules_and_installed_packages(tmp_path):
    write(tmp_path / "pkg" / "__init__.py", "")
    write(
        tmp_path / "pkg" / "deep" / "mod.py", "from pkg import helper\ndef train(trial): return helper.VALUE"
    )
    write(tmp_path / "pkg" / "helper.py", "VALUE = 3")
    assert load_function("pkg.deep.mod:train", [tmp_path])(None) == 3
    assert load_function("json:dumps", [tmp_path])([1]) == "[1]"


def test_a_file_may_import_its_siblings(tmp_path):
    write(
        tmp_path / "code" / "net.py", "import sibling_of_net\ndef train(trial): return sibling_of_net.VALUE"
    )
    write(tmp_path / "code" / "sibling_of_net.py", "VALUE = 4")
    assert load_function("code/net.py:train", [tmp_path])(None) == 4
    assert load_function(f"{tmp_path}/code/net.py:train", [tmp_path / "nowhere"])(None) == 4


def test_a_file_named_like_a_library_does_not_replace_it(tmp_path):
    write(tmp_path / "random.py", "def train(trial): return 'mine'")
    assert load_function("random.py:train", [tmp_path])(None) == "mine"
    assert sys.modules["random"].__file__ != str(tmp_path / "random.py")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("train", "named 'module:function' or 'path/to/file.py:function', found 'train'"),
        ("my_model:", "found 'my_model:'"),
        ("my_modle:train", r"no module 'my_modle' in .* did you mean 'my_model'\?"),
        ("my_model:trian", r"my_model.py has no function 'trian'; did you mean 'train'\?"),
        ("my_model:WIDTH", "must name a function, found a int"),
        ("absent:train", "no module 'absent' in .*: go to the folder that your code is in, or put"),
        ("missing.py:train", "no such file; looked for .*missing.py: go to the folder that your code is in"),
        ("broken:train", "'broken:train' cannot be imported: ZeroDivisionError: division by zero"),
        ("quits:train", "'quits:train' cannot be imported: SystemExit: 2"),
        (
            "needs:train",
            "'needs:train' cannot be imported: ModuleNotFoundError: No module named 'not_installed'",
        ),
        ("my_model.sub:train", "cannot be imported: ModuleNotFoundError: No module named 'my_model.sub'"),
    ],
)
def test_what_cannot_be_found_is_explained(tmp_path, target, message):
    write(tmp_path / "my_model.py", "WIDTH = 3\ndef train(trial): ...")
    write(tmp_path / "broken.py", "1 / 0")
    write(tmp_path / "quits.py", "import sys; sys.exit(2)")
    write(tmp_path / "needs.py", "import not_installed")
    with pytest.raises(TargetError, match=message):
        load_function(target, [tmp_path])


def test_an_import_error_keeps_the_users_traceback(tmp_path):
    write(tmp_path / "broken.py", "1 / 0")
    with pytest.raises(TargetError) as caught:
        load_function("broken:train", [tmp_path])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_the_hash_follows_the_source_and_imports_nothing(tmp_path):
    single = write(tmp_path / "hashed.py", "raise RuntimeError('imported')")
    write(tmp_path / "hashed_pkg" / "__init__.py", "raise RuntimeError('imported')")
    inner = write(tmp_path / "hashed_pkg" / "sub" / "net.py", "x = 1")
    targets = ("hashed:train", "hashed.py:train", "hashed_pkg.sub.net:train")
    before = [source_hash(target, [tmp_path]) for target in targets]
    assert before[0] == before[1]
    assert before == [source_hash(target, [tmp_path]) for target in targets]
    assert all(len(digest) == 64 for digest in before)
    single.write_text("raise RuntimeError('changed')")
    inner.write_text("x = 2")
    after = [source_hash(target, [tmp_path]) for target in targets]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert not {"hashed", "hashed_pkg"} & set(sys.modules)
    with pytest.raises(TargetError, match="no module 'absent'"):
        source_hash("absent:train", [tmp_path])
