"""The small changes that `benchmarks/mutants.py` makes, and which of them count for nothing."""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COMPARES = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Keywords of records that only people read.
TEXTS = {"source", "licence", "url", "pretraining", "help", "notes", "remedy", "title", "citation"}
TYPING = {"Literal", "Callable", "tuple", "dict", "list", "Mapping", "Sequence", "NDArray", "Union"}


class Mutant(NamedTuple):
    """A change: where, which (its number in the file), what, and why it is not fair, if so."""

    file: str
    line: int
    first: int
    last: int
    number: int
    what: str
    unfair: str | None
    module_level: bool


Edit = tuple[ast.AST, str, Callable[[], None]]


def edits(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be changed at a node: a description, and what changes it in place."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            new = COMPARES[type(op)]
            yield (
                f"{type(op).__name__} -> {new.__name__}",
                functools.partial(node.ops.__setitem__, i, new()),
            )
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        new = ARITHMETIC[type(node.op)]
        yield (
            f"{type(node.op).__name__} -> {new.__name__}",
            functools.partial(setattr, node, "op", new()),
        )
    elif isinstance(node, ast.BoolOp):
        new = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield (
            f"{type(node.op).__name__} -> {new.__name__}",
            functools.partial(setattr, node, "op", new()),
        )
    elif isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield f"{value} -> {not value}", functools.partial(setattr, node, "value", not value)
        elif isinstance(value, int | float):
            yield f"{value} -> {value + 1}", functools.partial(setattr, node, "value", value + 1)
        elif isinstance(value, str):
            yield f"{value!r} + 'XX'", functools.partial(setattr, node, "value", value + "XX")
        elif isinstance(value, bytes):
            yield f"{value!r} + b'XX'", functools.partial(setattr, node, "value", value + b"XX")
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        yield (
            f"{node.id} -> {NAMES[node.id]}",
            functools.partial(setattr, node, "id", NAMES[node.id]),
        )
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return None", functools.partial(setattr, node, "value", ast.Constant(None))
    elif isinstance(node, ast.Break | ast.Continue):
        new = ast.Continue if isinstance(node, ast.Break) else ast.Break
        yield (
            f"{type(node).__name__} -> {new.__name__}",
            functools.partial(setattr, node, "__class__", new),
        )
    elif isinstance(node, ast.Slice):
        for part in ("lower", "upper"):
            if getattr(node, part) is not None:
                yield f"slice without {part}", functools.partial(setattr, node, part, None)
    elif isinstance(node, ast.Call) and node.keywords:
        for i, keyword in enumerate(node.keywords):
            if keyword.arg:
                yield f"without {keyword.arg}=", functools.partial(node.keywords.__delitem__, i)
    if isinstance(node, ast.If | ast.IfExp) and not isinstance(node.test, ast.Compare):
        plain = node.test.operand if _negated(node.test) else ast.UnaryOp(ast.Not(), node.test)
        yield "condition negated", functools.partial(setattr, node, "test", plain)
    if isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield "without the condition", functools.partial(node.ifs.__delitem__, i)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "statement left out", functools.partial(setattr, node, "value", ast.Constant(None))
    if isinstance(node, ast.Raise):
        yield "raise left out", lambda: None


def _negated(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


class _NoRaise(ast.NodeTransformer):
    def __init__(self, target: ast.Raise):
        self.target = target

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if node is self.target else node


def mutants_of(path: Path) -> list[Mutant]:
    """All mutants of a file, in order."""
    return [mutant for mutant, _ in _enumerate(path, ast.parse(path.read_bytes()))]


def mutated(path: Path, number: int) -> types.CodeType:
    """The code of a file with the change of this number."""
    tree = ast.parse(path.read_bytes())
    for mutant, (node, _, change) in _enumerate(path, tree):
        if mutant.number == number:
            if isinstance(node, ast.Raise) and mutant.what == "raise left out":
                tree = _NoRaise(node).visit(tree)
            change()
            break
    return compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)


def _enumerate(path: Path, tree: ast.Module) -> list[tuple[Mutant, Edit]]:
    found: list[tuple[Mutant, Edit]] = []
    relative = str(path.relative_to(ROOT))

    def visit(node: ast.AST, above: list[ast.AST], inside: bool, statement: ast.AST | None) -> None:
        if isinstance(node, ast.stmt):
            statement = node
        for what, change in edits(node):
            where = node if hasattr(node, "lineno") else statement
            first, last = where.lineno, getattr(where, "end_lineno", where.lineno)
            if isinstance(statement, ast.stmt) and not hasattr(statement, "body"):
                first, last = statement.lineno, statement.end_lineno
            found.append(
                (
                    Mutant(
                        *(relative, where.lineno, first, last, len(found), what),
                        unfair_class(node, above, what), not inside,
                    ),
                    (node, what, change),
                )
            )  # fmt: skip
        for field, value in ast.iter_fields(node):
            within = inside or (isinstance(node, ast.Lambda) and field == "body")
            if isinstance(node, ast.FunctionDef) and field == "body":
                within = True
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    marked = [*above, node, field]
                    visit(child, marked, within, statement)

    visit(tree, [], False, None)
    return found


def unfair_class(node: ast.AST, above: list, what: str) -> str | None:
    """Why a change counts for nothing; None for a fair one."""
    nodes, fields = above[::2], above[1::2]
    chain = list(zip(nodes, fields, strict=True))
    for parent, field in chain:
        if field in ("annotation", "returns"):
            return "type"
        if isinstance(parent, ast.Raise):
            return "text of a message"
        if isinstance(parent, ast.JoinedStr) and any(
            isinstance(v, ast.Constant) and " " in str(v.value) for v in parent.values
        ):
            return "text of a message"
        if isinstance(parent, ast.Assert):
            return "assertion for the type checker"
        if isinstance(parent, ast.If) and getattr(parent.test, "id", "") == "TYPE_CHECKING":
            return "type"
        if isinstance(parent, ast.ClassDef) and any(
            getattr(base, "id", "") == "Protocol" for base in parent.bases
        ):
            return "type"
        if isinstance(parent, ast.keyword) and parent.arg in TEXTS:
            return "text for people"
        if isinstance(parent, ast.Subscript) and getattr(parent.value, "id", "") in TYPING:
            return "type"
        if isinstance(parent, ast.Assign) and getattr(parent.targets[0], "id", "") == "__all__":
            return "list of names"
    parent = nodes[-1] if nodes else None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if isinstance(parent, ast.Expr):
            return "docstring"
        if " " in node.value:
            return "text of a message"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _is_type(node):
        return "type"
    if isinstance(node, ast.Call) and any(f"without {text}=" == what for text in TEXTS):
        return "text for people"
    if what == "without strict=" or (isinstance(parent, ast.keyword) and parent.arg == "strict"):
        return "guard strict=True of zip"
    return None


def _is_type(node: ast.BinOp) -> bool:
    def type_name(part: ast.AST) -> bool:
        if isinstance(part, ast.BinOp):
            return _is_type(part)
        name = getattr(part, "id", "") or getattr(part, "attr", "")
        return isinstance(part, ast.Subscript) or name[:1].isupper() or name in {
            "int", "str", "float", "bool", "bytes", "dict", "list", "tuple"
        } or (isinstance(part, ast.Constant) and part.value is None)  # fmt: skip

    return type_name(node.left) and type_name(node.right)
