"""Decides which drivers Blender evaluates if scripts may not run.

Two evaluators handle a driver's expression. Blender's calculator (BLI_expr_pylike_eval) evaluates numbers, variables,
arithmetic and some functions. Python evaluates all other expressions. If scripts may not run, Python evaluates only
bytecode with allowed operations and names (BPY_driver_secure_bytecode_test_ex in bpy_driver.cc). The result of other
bytecode is 0.

This module checks the syntax tree. Bytecode differs between Python versions, and Lambda's version is not Blender's.
"""

import ast
import math
import re
import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

# The calculator's names; for each function the numbers of arguments, None for any.
_CONSTANTS = frozenset({"pi", "frame"})
_FUNCTIONS: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(("radians", "degrees", "abs", "fabs", "floor", "ceil", "trunc", "round", "int"), (1,)),
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan", "exp", "sqrt"), (1,)),
    **dict.fromkeys(("atan2", "pow", "fmod"), (2,)),
    **dict.fromkeys(("lerp", "smoothstep"), (3,)),
    "log": (1, 2),
    "clamp": (1, 3),
    "min": None,
    "max": None,
}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
# Syntax of Python that the calculator rejects: letters outside ASCII, comments, a comma before a closing bracket, and
# numbers with a base (0x10) or with underscores. A name may contain such a number only after its first letter.
_PYTHON_ONLY = re.compile(r"[^\x00-\x7f]|#|,\s*\)|(?<![\w.])(?:0[xXoObB]|\.?[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?_)")

# The names that Python may use, besides the driver's variables: all names of math in Python 3.11, which has no `fma`.
_NAMES = frozenset(
    {name for name in dir(math) if name[1:2] != "_" and name != "fma"}
    | {"all", "any", "len", "max", "min", "pow", "round", "sum", "bool", "float", "int"}
    | {"clamp", "lerp", "smoothstep", "frame", "depsgraph", "bpy", "noise"}
)
_OPERATIONS = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Call, ast.keyword, ast.Constant, ast.Subscript,
    ast.Slice, ast.Tuple, ast.List, ast.Set, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def needs_trust(expression: str, variables: AbstractSet[str], *, uses_self: bool = False) -> bool:
    """Return whether Blender evaluates an expression only if scripts may run.

    An expression with invalid syntax fails with and without trust, so it needs no trust.

    Args:
        variables: the names of the driver's own variables.
        uses_self: whether the driver has the option Use Self.
    """
    try:
        with warnings.catch_warnings():
            # The parser prints warnings about unknown escapes to standard error.
            warnings.simplefilter("ignore")
            tree = ast.parse(expression, mode="eval")
        simple = _PYTHON_ONLY.search(expression) is None and _is_simple(tree.body, variables)
        return not (simple or _is_restricted(tree, variables, uses_self=uses_self))
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):
        # Nested too deeply for this parser; Blender's Python may accept it.
        return True


def _is_simple(node: ast.expr, variables: AbstractSet[str]) -> bool:
    """Return whether Blender's calculator accepts it."""
    parts: Sequence[ast.expr]
    match node:
        case ast.Constant(value=value):
            simple, parts = isinstance(value, int | float), []
        case ast.Name(id=name):
            simple, parts = name in variables or name in _CONSTANTS, []
        case ast.BoolOp(values=values):
            simple, parts = True, values
        case ast.UnaryOp(op=operator, operand=operand):
            simple, parts = isinstance(operator, ast.UAdd | ast.USub | ast.Not), [operand]
        case ast.BinOp(left=left, op=operator, right=right):
            simple, parts = isinstance(operator, _ARITHMETIC), [left, right]
        case ast.Compare(left=left, ops=operators, comparators=others):
            simple, parts = all(isinstance(operator, _COMPARISONS) for operator in operators), [left, *others]
        case ast.IfExp(test=test, body=body, orelse=other):
            simple, parts = True, [test, body, other]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            counts = _FUNCTIONS[name]
            simple, parts = len(arguments) in counts if counts else bool(arguments), arguments
        case _:
            simple, parts = False, []
    return simple and all(_is_simple(part, variables) for part in parts)


def _is_restricted(tree: ast.Expression, variables: AbstractSet[str], *, uses_self: bool) -> bool:
    """Return whether Blender lets Python evaluate it if scripts may not run."""
    names = _NAMES | variables | ({"self"} if uses_self else set())
    return all(_is_allowed(node, names) for node in ast.walk(tree))


def _is_allowed(node: ast.AST, names: AbstractSet[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in names and not name.startswith("_")
        case ast.Compare(ops=operators):
            # a < b < c duplicates b on the stack, an operation that Blender does not allow.
            return len(operators) == 1
        case ast.Call(args=arguments, keywords=keywords):
            starred = any(isinstance(argument, ast.Starred) for argument in arguments)
            return not starred and all(keyword.arg is not None for keyword in keywords)
        case ast.Dict(keys=keys):
            # {**more} and several constant keys compile to operations that Blender does not allow.
            constant = len(keys) > 1 and all(isinstance(key, ast.Constant) for key in keys)
            return None not in keys and not constant
        case ast.Starred():
            return True
        case _:
            return isinstance(node, _OPERATIONS)
