"""Takes the prose out of source files: comments, docstrings, messages and Markdown."""

import ast
import io
import re
import subprocess
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MESSAGE_WORDS = 4
MESSAGE_LETTERS = 0.75

# Comments to programs, not to readers.
_DIRECTIVE = re.compile(r"#\s*(?:!|noqa|type:|pragma|mypy:|ruff:|fmt:|isort:|pylint:|syntax=|prose:)")
_CODE = re.compile(r"(``?)(?!`)[^`]+\1")
_LINK = re.compile(r"\]\([^)\s]*\)|\bhttps?://\S+")
_FENCE = re.compile(r"^([ \t]*)(```+|~~~+).*?^\1?\2[ \t]*$", re.MULTILINE | re.DOTALL)
_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DOCTEST = re.compile(r"^\s*(?:>>>|\.\.\.(?=\s)).*$", re.MULTILINE)
# A heading or a table row, or a paragraph up to the next heading, row, list item or blank line.
_PARAGRAPH = re.compile(r"^[#|][^\n]*|[^\n]+(?:\n(?!\s*(?:[-*|#]|\d+\.\s|$))[^\n]+)*", re.MULTILINE)
_HASH_COMMENT = re.compile(r"(?:^|(?<=\s))#+(?=\s)(?P<text>.*)$")
_DESCRIPTION = re.compile(r"^(?P<indent>\s*)(?:description|Description)\s*[:=]\s*(?P<text>.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of prose that starts at `line` of `path`, with the file's line breaks."""

    path: Path
    line: int
    text: str


def passages(path: Path) -> Iterator[Passage]:
    """Yield the prose of a file in the file's order, without code spans, code blocks and addresses.

    Raises:
        OSError: the file cannot be read.
    """
    read = _reader(path)
    if read is None:
        return
    source = path.read_text(encoding="utf-8", errors="replace")
    for line, text in read(source):
        yield Passage(path=path, line=line, text=text)


def source_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files with prose under `paths`; in a Git work tree, only files that Git tracks or would add."""
    found: set[Path] = set()
    for path in paths:
        found.update([path] if path.is_file() else _files_in(path))
    return sorted(path for path in found if _reader(path) is not None)


def _files_in(folder: Path) -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        files = [folder / name for name in listed.stdout.split("\0") if name]
    else:
        files = list(folder.rglob("*"))
    return [path for path in files if path.is_file() and not path.is_symlink()]


_Reader = Callable[[str], Iterable[tuple[int, str]]]


def _reader(path: Path) -> _Reader | None:
    if path.suffix == ".py":
        return _python
    if path.suffix in {".md", ".rst"}:
        return _markdown
    if path.suffix in {".yaml", ".yml", ".toml", ".sh", ".cfg", ".ini"} or path.name in {"Dockerfile", "Makefile"}:
        return _hash_comments
    return None


def _python(source: str) -> list[tuple[int, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        tree = ast.parse(source)
    return sorted([*_comments(source), *_strings(tree)])


def _comments(source: str) -> Iterator[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = [
        (token.start, token.string.lstrip("#").strip())
        for token in tokens
        if token.type == tokenize.COMMENT and not _DIRECTIVE.match(token.string)
    ]
    block: list[str] = []
    start = previous = (0, 0)
    for position, text in lines:
        if block and position == (previous[0] + 1, previous[1]):
            block.append(text)
        else:
            if block:
                yield start[0], _plain("\n".join(block))
            block, start = [text], position
        previous = position
    if block:
        yield start[0], _plain("\n".join(block))


def _strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    docstrings, inside = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                match node.body:
                    case [ast.Expr(value=ast.Constant(value=str()) as constant), *_]:
                        docstrings.add(constant)
            case ast.JoinedStr():
                inside.update(node.values)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text) if node in docstrings:
                yield node.lineno, _plain(_DOCTEST.sub("", text))
            case ast.Constant(value=str() as text) if node not in inside and _is_message(text):
                yield node.lineno, _plain(text)
            case ast.JoinedStr():
                text = "".join(_part(value) for value in node.values)
                if _is_message(text):
                    yield node.lineno, _plain(text)


def _part(value: ast.expr) -> str:
    match value:
        case ast.Constant(value=str() as text):
            return text
    return "X"


def _is_message(text: str) -> bool:
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return len(re.findall(r"[A-Za-z]{2,}", text)) >= MESSAGE_WORDS and letters >= MESSAGE_LETTERS * len(text)


def _markdown(source: str) -> list[tuple[int, str]]:
    text = _FENCE.sub(_blank, _HTML_COMMENT.sub(_blank, source))
    return [(text.count("\n", 0, match.start()) + 1, _plain(match[0])) for match in _PARAGRAPH.finditer(text)]


def _hash_comments(source: str) -> Iterator[tuple[int, str]]:
    block: list[str] = []
    start = 0
    indent: int | None = None
    for number, line in enumerate([*source.splitlines(), ""], 1):
        description = _DESCRIPTION.match(line)
        comment = None if _DIRECTIVE.match(line.strip()) else _HASH_COMMENT.search(line)
        continues = indent is not None and len(line) - len(line.lstrip()) > indent
        if description:
            text: str | None = description["text"].strip(" \"'>|-")
        elif continues:
            text = line.strip()
        else:
            text = comment["text"].strip() if comment else None
        starts = description or (comment and not continues and line[: comment.start()].strip())
        if block and (text is None or starts or (indent is not None and not continues)):
            yield start, _plain("\n".join(block))
            block = []
        indent = len(description["indent"]) if description else indent if continues else None
        if text is not None:
            start = start if block else number
            block.append(text)


def _plain(text: str) -> str:
    """Replace code spans and addresses by a word that no rule matches; line breaks stay."""
    return _LINK.sub(_blank, _CODE.sub(lambda match: "CODE" + "\n" * match[0].count("\n"), text))


def _blank(match: re.Match[str]) -> str:
    return " " + "\n" * match[0].count("\n")
