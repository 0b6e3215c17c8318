"""Options never swallow the prompt, and every mistake says what is right."""

from __future__ import annotations

from typing import Any

import pytest

from ipyclaude.exceptions import UsageMistake
from ipyclaude.options import OPTIONS, Asked, expand, help_text, parse


def test_an_option_never_swallows_the_prompt() -> None:
    """An option with a value takes that word only; the rest is the prompt as typed."""
    asked = parse("--model opus -i df hello  there, what's up?", None)
    assert asked.model == "opus"
    assert asked.inputs == ("df",)
    assert asked.prompt == "hello  there, what's up?"


def test_switches_take_no_value() -> None:
    """A switch leaves the next word to the prompt."""
    asked = parse("--plan --again -b tidy the repo --quiet please", None)
    assert (asked.plan, asked.again, asked.background, asked.quiet) == (True, True, True, False)
    assert asked.prompt == "tidy the repo --quiet please"


def test_a_dash_prompt_can_be_written_after_two_dashes() -> None:
    """`--` ends the options."""
    assert parse("-m opus -- --model is what?", None).prompt == "--model is what?"


def test_a_negative_number_or_list_is_a_prompt() -> None:
    """A dash that starts no option's name starts the prompt."""
    assert parse("-3 + 4 is what?", None).prompt == "-3 + 4 is what?"
    assert parse("- make a list", None).prompt == "- make a list"


def test_a_cell_may_name_many_variables_after_one_option() -> None:
    """In a cell magic `-i a b c` sends all three, and options may follow."""
    asked = parse("-i a b c --file x.txt 'y z.txt' -m opus", "do it")
    assert asked.inputs == ("a", "b", "c")
    assert asked.files == ("x.txt", "y z.txt")
    assert asked.model == "opus"
    assert asked.prompt == "do it"


def test_quotes_and_equals_signs_give_values_with_spaces() -> None:
    """A value may be quoted, and may follow an equals sign."""
    assert parse('-s "my session" go', None).session == "my session"
    assert parse("--session='my session' go", None).session == "my session"


@pytest.mark.parametrize(
    ("line", "cell", "words"),
    [
        ("", None, "The prompt is empty."),
        ("-m opus", None, "The prompt is empty."),
        ("", "  \n ", "The prompt is empty."),
        ("--modle opus hi", None, "Did you mean --model?"),
        ("--zzz hi", None, "%%claude?"),
        ("-m", None, "Write -m MODEL: the model for this turn."),
        ("-m --plan hi", None, "-m needs MODEL"),
        ("--effort enormous hi", None, "low, medium, high"),
        ("--max-budget much hi", None, "amount in USD"),
        ("--max-budget 0 hi", None, "amount in USD"),
        ("--max-budget nan hi", None, "amount in USD"),
        ("--max-budget inf hi", None, "amount in USD"),
        ("--plan=yes hi", None, "takes no value"),
        ("-m a -m b hi", None, "given twice"),
        ("--json schema hi", None, "needs -o"),
        ("-o 1x hi", None, "not a variable's name"),
        ("-b -o x hi", None, "don't go together"),
        ("hello there", "do it", "holds options only"),
        ("-m opus hello", "do it", "holds options only"),
    ],
)
def test_a_mistake_says_what_is_right(line: str, cell: str | None, words: str) -> None:
    """Each wrong line is one UsageMistake whose words help."""
    with pytest.raises(UsageMistake) as caught:
        parse(line, cell)
    assert words in str(caught.value)
    assert caught.value.fix


def test_every_option_is_in_the_help_and_in_the_values() -> None:
    """What can be typed is documented, and ends up in a field."""
    text = help_text()
    for option in OPTIONS:
        assert all(name in text for name in option.names)
        assert option.field in Asked.__dataclass_fields__


def test_expressions_expand_and_double_braces_stay() -> None:
    """`{expr}` is its value; `{{` and `}}` are braces; a dict inside an expression is fine."""
    namespace: dict[str, Any] = {"x": 3, "names": ["a", "b"]}
    text = "x is {x + 1}, {', '.join(names)}, {{plain}}, { {'k': 5}['k'] }"
    assert expand(text, namespace) == "x is 4, a, b, {plain}, 5"


@pytest.mark.parametrize("text", ["{nope}", "{1 / 0}", "{x", "{}", "{x +}"])
def test_an_expression_that_fails_is_one_message(text: str) -> None:
    """A prompt that cannot be expanded is refused before anything is asked."""
    with pytest.raises(UsageMistake, match=r"brace|evaluated"):
        expand(text, {"x": 1})
