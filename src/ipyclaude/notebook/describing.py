"""What a value is, in words that fit a prompt: bounded, and without importing its library.

A library's kinds are known by what they offer (a table has columns and a head, an array a
shape and a dtype), so that pandas, polars, NumPy, torch and JAX need no code of their own. All
of this runs code of the user's classes: the caller bounds its time.
"""

from __future__ import annotations

import inspect
import math
import re
import reprlib
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, cast

from .capture import bounded

ROWS, COLUMNS, ATTRIBUTES = 5, 60, 40
#: Elements of an array up to which its extremes are looked for.
MAX_ELEMENTS = 10_000_000
REPR_CHARS, DOC_CHARS, SOURCE_CHARS, WHY_CHARS = 4_000, 2_000, 8_000, 200
_MISSING = object()


class _Bounded(reprlib.Repr):
    """`repr` that takes only the beginning of what is long."""

    def __init__(self, chars: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = chars
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = self.maxdeque = 30
        self.maxarray = 30

    def repr_bytes(self, x: bytes, level: int) -> str:
        """Shorten bytes before they are written out."""
        return repr(x[: self.maxstring // 4]) + ("…" if len(x) > self.maxstring // 4 else "")

    repr_bytearray = repr_bytes  # type: ignore[assignment]

    def repr_instance(self, x: Any, level: int) -> str:
        """Say what went wrong, where a class's own `repr` fails."""
        try:
            text = repr(x)
        except Exception as error:  # noqa: BLE001 - a user's class may raise anything
            return f"<{kind_of(x)} whose repr raises {type(error).__name__}>"
        return bounded(text, self.maxother)


def brief(value: Any, chars: int = REPR_CHARS) -> str:
    """Return a bounded `repr`."""
    try:
        return _Bounded(chars).repr(value)
    except ValueError:  # an integer of more digits than Python writes out
        return f"<{kind_of(value)}>"


def kind_of(value: Any) -> str:
    """Return the name of a value's type, with its module where it isn't built in.

    What its package offers itself is called so: pandas.DataFrame, wherever pandas keeps it.
    """
    kind = cast("Any", type(value))
    module, name = kind.__module__, kind.__qualname__
    package = module.partition(".")[0]
    if package in sys.modules and vars(sys.modules[package]).get(name) is kind:
        module = package
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def offers(value: Any, *names: str) -> bool:
    """Say whether a value's class has these attributes; runs no code of it."""
    kind = cast("Any", type(value))
    return all(inspect.getattr_static(kind, name, _MISSING) is not _MISSING for name in names)


def attribute(value: Any, name: str, default: Any = None) -> Any:
    """Return an attribute that the value may have, whatever asking for it raises."""
    try:
        return getattr(value, name, default)
    except Exception:  # noqa: BLE001 - a user's class may raise anything
        return default


def is_table(value: Any) -> bool:
    """Say whether a value is like a DataFrame."""
    return offers(value, "columns", "head", "shape") and not isinstance(value, type)


def is_array(value: Any) -> bool:
    """Say whether a value is like an array or a column."""
    return (offers(value, "shape", "dtype") or offers(value, "__array__")) and not is_table(value)


def size_of(value: Any) -> str:
    """Return shape and dtype, or a length, or nothing."""
    if isinstance(value, str | bytes | bytearray | list | tuple | dict | set | frozenset):
        return f"{len(value):,} {'characters' if isinstance(value, str) else 'items'}"  # pyright: ignore[reportUnknownArgumentType]
    if not offers(value, "shape"):
        return ""
    shape: Any = attribute(value, "shape")
    dtype = attribute(value, "dtype") if offers(value, "dtype") else None
    parts = [" x ".join(f"{n:,}" for n in shape) if isinstance(shape, tuple) else str(shape)]  # pyright: ignore[reportUnknownVariableType]
    return " ".join([*parts, str(dtype) if dtype is not None else ""]).strip()


def describe(value: Any) -> str:
    """Return all that is worth saying of a value, a section for each thing."""
    sections: list[tuple[str, Callable[[], str]]] = [("", lambda: _headline(value))]
    if isinstance(value, types.ModuleType | type) or (
        callable(value) and hasattr(value, "__name__")
    ):
        sections += [
            ("signature", lambda: _signature(value)),
            ("documentation", lambda: bounded(inspect.getdoc(value) or "", DOC_CHARS)),
            ("members", lambda: _names(value)),
            ("source", lambda: _source(value)),
        ]
    elif is_table(value):
        sections += [("columns", lambda: _columns(value)), ("head", lambda: _head(value))]
    elif is_array(value):
        sections += [
            ("device", lambda: str(attribute(value, "device", "") or "")),
            ("range", lambda: _range(value)),
            ("values", lambda: brief(value)),
        ]
    else:
        sections += [
            ("value", lambda: brief(value)),
            ("parameters", lambda: _parameters(value)),
            ("fitted", lambda: _fitted(value)),
            ("axes", lambda: _axes(value)),
            ("members", lambda: "" if _is_plain(value) else _names(value)),
            ("documentation", lambda: "" if _is_plain(value) else _class_doc(value)),
        ]
    return "\n\n".join(_told(sections))


def _told(sections: Iterable[tuple[str, Callable[[], str]]]) -> Iterable[str]:
    for title, tell in sections:
        try:
            text = tell()
        except Exception as error:  # noqa: BLE001 - a user's class may raise anything
            # torch's errors go on for pages: the first words say it.
            text = f"(cannot be told: {type(error).__name__}: {str(error)[:WHY_CHARS]})"
        if text:
            yield f"{title}:\n{text}" if title else text


def _headline(value: Any) -> str:
    size = size_of(value)
    return f"{kind_of(value)}, {size}" if size else kind_of(value)


def _is_plain(value: Any) -> bool:
    return type(value).__module__ == "builtins"


def _columns(table: Any) -> str:
    dtypes = attribute(table, "dtypes")
    kinds = list(dtypes) if dtypes is not None else []
    lines: list[str] = []
    for position, name in enumerate(list(table.columns)[:COLUMNS]):
        kind = f" {kinds[position]}" if position < len(kinds) else ""
        lines.append(f"{brief(name, 100)}{kind}{_missing(table, name)}")
    more = len(table.columns) - COLUMNS
    return "\n".join([*lines, f"… {more} more"] if more > 0 else lines)


def _missing(table: Any, name: Any) -> str:
    """Say how many values of a column are missing, as pandas and polars count them."""
    if len(table) > MAX_ELEMENTS or not (offers(table, "isna") or offers(table, "null_count")):
        return ""
    column: Any = table[name]
    count: Any = column.isna().sum() if offers(table, "isna") else column.null_count()
    return f", {int(count):,} missing" if getattr(count, "shape", ()) == () and count else ""


def _head(table: Any) -> str:
    head: Any = table.head(ROWS)
    text = head.to_string(max_cols=30) if offers(head, "to_string") else str(head)
    return bounded(text, REPR_CHARS)


def _count(array: Any) -> int:
    """Return the number of elements; `size` is a number, or a method that gives the shape."""
    size: Any = attribute(array, "size")
    size = size() if callable(size) else size
    return math.prod(int(n) for n in size) if isinstance(size, tuple) else int(size or 0)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _range(array: Any) -> str:
    kind = str(attribute(array, "dtype")).lower()
    count = _count(array) if offers(array, "size") else len(array)
    if not 0 < count <= MAX_ELEMENTS or not any(name in kind for name in ("int", "float")):
        return ""
    # What is not a number is the only thing that differs from itself.
    missing = array != array if "float" in kind else None
    gaps = int(missing.sum()) if missing is not None else 0
    whole = array[~missing] if 0 < gaps < count else array  # pyright: ignore[reportOptionalOperand]
    told = [f"{gaps:,} are not numbers"] if gaps else []
    return ", ".join([*told, *(_extreme(whole, name) for name in ("min", "max", "mean"))])


def _extreme(array: Any, name: str) -> str:
    try:
        value: Any = getattr(array, name)()
        return f"{name} {value.item() if offers(value, 'item') else value}"
    except Exception as error:  # noqa: BLE001 - torch has no mean of integers
        return f"{name} unknown ({type(error).__name__})"


def _parameters(model: Any) -> str:
    """Say what a model is made with: scikit-learn's parameters, or a network's weights."""
    if offers(model, "get_params"):
        return brief(model.get_params(deep=False))
    if offers(model, "parameters", "forward"):  # torch
        weights = list(model.parameters())
        trained = sum(int(p.numel()) for p in weights if p.requires_grad)
        return f"{sum(int(p.numel()) for p in weights):,} weights, {trained:,} of them trained"
    if offers(model, "count_params", "layers"):  # Keras
        return f"{int(model.count_params()):,} weights in {len(model.layers)} layers"
    return ""


def _fitted(model: Any) -> str:
    """Say what a model of scikit-learn's kind has learnt: its attributes that end in `_`."""
    if not offers(model, "get_params", "fit"):
        return ""
    held = cast("dict[str, Any]", vars(model))
    learnt = {name: value for name, value in held.items() if re.match(r"[^_].*[^_]_$", name)}
    return "\n".join(f"{name} = {brief(value, 300)}" for name, value in learnt.items())


def _axes(figure: Any) -> str:
    """Say what a matplotlib figure shows."""
    if not offers(figure, "savefig", "get_axes"):
        return ""
    told: list[str] = []
    for axes in figure.get_axes()[:20]:
        words = (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
        title, x, y = (word or "(none)" for word in words)
        told.append(f"title {title}, x {x}, y {y}, {len(axes.lines)} lines")
    return "\n".join(told)


def _signature(value: Any) -> str:
    try:
        return f"{value.__name__}{inspect.signature(value)}"
    except (TypeError, ValueError):
        return ""


def _source(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return str(attribute(value, "__file__", "") or "")
    try:
        return bounded(inspect.getsource(value), SOURCE_CHARS)
    except (OSError, TypeError):
        return ""


def _names(value: Any) -> str:
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return ""
    owner: Any = value if isinstance(value, types.ModuleType | type) else type(value)
    names = [name for name in dir(owner) if not name.startswith("_")]
    more = f", … {len(names) - ATTRIBUTES} more" if len(names) > ATTRIBUTES else ""
    return ", ".join(names[:ATTRIBUTES]) + more


def _class_doc(value: Any) -> str:
    kind = cast("Any", type(value))
    return bounded(inspect.getdoc(kind) or "", DOC_CHARS // 2)
