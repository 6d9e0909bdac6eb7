"""Options made of a dataclass of settings: type, default, range and help come from its fields."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner

from aqa.commands.settings_options import options_of, taken_from
from aqa.workflows.finetune.settings import FinetuneSettings, setting


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float = setting(0.1, "Learning rate", source="jain2020 §III-C", above=0)
    size: int | None = setting(None, "Videos per step", unit="videos", low=1, high=9, none="all")
    kind: Literal["a", "b"] = setting("b", "Which kind")
    mirror: bool = setting(True, "Mirror the videos")


@click.command()
@click.option("--other", default=7)
@options_of(Settings)
def command(other: int, **options: Any) -> None:
    settings = Settings(**taken_from(Settings, options))
    click.echo(f"{other} {options} {dataclasses.astuple(settings)}")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_what_is_not_typed_has_the_dataclass_default() -> None:
    assert run() == "7 {} (0.1, None, 'b', True)"


def test_what_is_typed_arrives_under_the_fields_name() -> None:
    typed = ("--rate", "2", "--size", "3", "--kind", "a", "--no-mirror", "--other", "1")
    assert run(*typed) == "1 {} (2.0, 3, 'a', False)"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--rate", "0"), "0.0 is not in the range x>0"),
        (("--size", "0"), "0 is not in the range 1<=x<=9"),
        (("--size", "10"), "10 is not in the range 1<=x<=9"),
        (("--kind", "c"), "'c' is not one of 'a', 'b'"),
    ],
)
def test_what_is_out_of_range_is_a_usage_error(arguments: tuple[str, ...], problem: str) -> None:
    assert problem in run(*arguments, code=2)


def test_the_help_has_meaning_unit_source_default_and_range() -> None:
    shown = run("--help")
    assert "Learning rate (jain2020 §III-C). [default: 0.1; x>0]" in shown
    assert "--size VIDEOS Videos per step. [default: (all); 1<=x<=9]" in shown
    assert "Which kind. [default: b]" in shown


@pytest.mark.parametrize("field", dataclasses.fields(FinetuneSettings), ids=lambda f: f.name)
def test_every_setting_of_finetune_is_an_option_with_its_default(field: Any) -> None:
    from aqa.commands.finetune import finetune

    options = {option.name: option for option in finetune.params}
    assert options[field.name].default == field.default
    assert f"--{field.name.replace('_', '-')}" in options[field.name].opts
    assert field.metadata["help"] in options[field.name].help
