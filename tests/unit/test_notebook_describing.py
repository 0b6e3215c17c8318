"""Values are described within bounds, whatever their classes do."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipyclaude.notebook.describing import brief, describe, size_of
from ipyclaude.notebook.variables import find, line_of, users_names

#: A shell that writes no history.
NO_HISTORY = Config({"HistoryManager": {"enabled": False}})


# They have no types, or more than can be checked.
np: Any = pytest.importorskip("numpy")
pd: Any = pytest.importorskip("pandas")
plt: Any = pytest.importorskip("matplotlib.pyplot")


class Raises:
    """A class whose `repr`, attributes and shape raise."""

    shape = property(lambda self: 1 / 0)

    def __repr__(self) -> str:
        raise ValueError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Long:
    """A class whose `repr` is long."""

    def __repr__(self) -> str:
        return "x" * 50_000_000


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


def test_a_table_is_told_by_its_columns() -> None:
    """Each column with its dtype and its gaps, and the first rows."""
    table = pd.DataFrame({"height": [1.5, None, 2.5], "name": ["a", "b", "c"]})
    told = describe(table)
    assert told.startswith("pandas.DataFrame, 3 x 2")
    assert "'height' float64, 1 missing" in told
    assert "head:\n   height name" in told
    wide = describe(pd.DataFrame(np.zeros((2, 5_000))))
    assert "4940 more" in wide
    assert len(wide) < 8_000


def test_an_array_is_told_by_shape_dtype_and_range() -> None:
    """A large one is not written out."""
    told = describe(np.arange(1_000_000, dtype="int32").reshape(1000, 1000))
    assert told.startswith("numpy.ndarray, 1,000 x 1,000 int32")
    assert "min 0, max 999999, mean 499999.5" in told
    assert len(told) < 3_000
    assert "range" not in describe(np.array(["a", "b"]))
    gaps = describe(np.array([1.0, np.nan, 3.0]))
    assert "1 are not numbers, min 1.0, max 3.0, mean 2.0" in gaps
    assert "2 are not numbers, min nan" in describe(np.array([np.nan, np.nan]))
    assert describe(pd.Series([1, 2], name="x")).startswith("pandas.Series, 2 int64")


def test_arrays_of_jax_are_described() -> None:
    """Shape, dtype, device and range of real ones, with gaps, whole numbers and short floats."""
    jnp: Any = import_module("jax.numpy")
    gaps = jnp.array([[1.0, jnp.nan], [3.0, 4.0]])
    assert line_of("gaps", gaps).endswith("ArrayImpl, 2 x 2 float32")
    told = describe(gaps)
    assert "device:\ncpu:0" in told
    assert "1 are not numbers, min 1.0, max 4.0, mean 2.66" in told
    assert "min 0, max 5, mean 2.5" in describe(jnp.arange(6))
    assert "min 1.0, max 1.0" in describe(jnp.ones(2, dtype=jnp.bfloat16))
    assert "values:" not in describe(jnp)
    assert len(describe(jnp.ones((2_000, 2_000)))) < 5_000


class Tensor:
    """As torch makes them: `size` is a method, and whole numbers have no mean."""

    device = "cuda:0"
    shape: Any = None
    dtype: Any = None

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, f"torch.{array.dtype}"
        self.requires_grad = array.dtype.kind == "f"

    def size(self) -> tuple[int, ...]:
        return self.shape

    def numel(self) -> int:
        return self._array.size

    def __getitem__(self, mask: Any) -> Tensor:
        return Tensor(self._array[mask])

    def __ne__(self, other: object) -> Any:
        return self._array != self._array

    def __getattr__(self, name: str) -> Any:
        if name == "mean" and self._array.dtype.kind == "i":
            raise RuntimeError("mean(): could not infer output dtype")
        return getattr(self._array, name)

    def __repr__(self) -> str:
        return f"tensor({self._array!r}, device='cuda:0')"


class FakeNetwork:
    """As torch's modules are."""

    def forward(self) -> None: ...

    def parameters(self) -> list[Tensor]:
        return [Tensor(np.zeros((30, 40))), Tensor(np.zeros(10, dtype="int64"))]


class Regression:
    """As scikit-learn's models are."""

    def fit(self) -> Regression:
        self.coef_: Any = np.array([1.5])
        self._hidden_ = "private"
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"alpha": 1.0}


def test_a_tensor_is_told_with_its_device() -> None:
    """Shape, dtype, device and range; what a kind of number doesn't have is said as unknown."""
    told = describe(Tensor(np.array([[1.0, np.nan], [3.0, 4.0]])))
    assert "Tensor, 2 x 2 torch.float64" in told
    assert "device:\ncuda:0" in told
    assert "1 are not numbers, min 1.0, max 4.0" in told
    assert "max 2, mean unknown (RuntimeError)" in describe(Tensor(np.array([1, 2])))


def test_a_library_that_says_no_at_length_is_cut_short() -> None:
    """What a library cannot tell of a value takes a line, and the rest is told."""

    class Sparse(Tensor):
        def __ne__(self, other: object) -> Any:
            raise NotImplementedError("Could not run 'aten::ne' " + "from the backend. " * 500)

    told = describe(Sparse(np.array([1.0, 2.0])))
    assert "(cannot be told: NotImplementedError: Could not run 'aten::ne'" in told
    assert "values:\ntensor(array([1., 2.])" in told
    assert len(told) < 1_000


def test_a_model_is_told_by_what_it_is_made_with_and_has_learnt() -> None:
    """A network's weights; a model's parameters, and what fitting gave it."""
    assert "1,210 weights, 1,200 of them trained" in describe(FakeNetwork())
    assert "fitted" not in describe(Regression())
    told = describe(Regression().fit())
    assert "parameters:\n{'alpha': 1.0}" in told
    assert "fitted:\ncoef_ = array([1.5])" in told
    assert "private" not in told


def test_code_is_told_with_its_source() -> None:
    """Signature, documentation and source of a function; members of a class and a module."""
    told = describe(add)
    assert "add(a: int, b: int = 2) -> int" in told
    assert "Add two numbers." in told
    assert "return a + b" in told
    assert "members" not in told
    assert "frombytes" in describe(__import__("array")) + describe(__import__("array").array)


def test_a_figure_is_told_by_its_axes() -> None:
    """Title, labels and lines."""
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    axes.set_title("Growth")
    assert "title Growth, x (none), y (none), 1 lines" in describe(figure)
    plt.close(figure)


@pytest.mark.parametrize("value", [Raises(), [Raises()], {"a": Raises()}], ids=["", "list", "dict"])
def test_a_class_that_raises_is_survived(value: object) -> None:
    """Its `repr` and attributes are named as failing."""
    assert "whose repr raises ValueError" in describe(value)
    assert "Raises" in line_of("x", value) or "item" in line_of("x", value)


def test_what_is_long_is_cut() -> None:
    """Texts, bytes, numbers, deep and long containers, and a long `repr`."""
    values: list[object] = [
        "x" * 100_000_000, b"x" * 100_000_000, 10**6_000, [list(range(10**6))] * 10**6,
        dict.fromkeys(range(1000), "y" * 10000), Long(), [Long()] * 1000,
    ]  # fmt: skip
    for value in values:
        assert len(describe(value)) < 200_000, type(value)
        assert len(brief(value, 80)) < 20_000
    assert size_of("x" * 1000) == "1,000 characters"


def test_names_are_the_users_own() -> None:
    """What IPython put there is left out; a dotted name is followed in modules and classes."""
    shell: Any = InteractiveShell(config=NO_HISTORY)
    shell.run_cell("import array as arr\nheight = 180\n_hidden = 1")
    assert users_names(shell) == ["arr", "height"]
    assert line_of("height", 180) == "height: int = 180"
    assert find(shell, "arr.array.append").__name__ == "append"
    with pytest.raises(LookupError, match="There is height"):
        find(shell, "heigth")
    with pytest.raises(LookupError, match="run_python"):
        find(shell, "height.real")
