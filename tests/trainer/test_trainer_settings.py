from __future__ import annotations

from dataclasses import dataclass

import pytest

from trainer.rules import OneOf, parse, rules
from trainer.settings import Count, LoopSettings, Settings

RULES = rules(Settings)


def test_the_defaults_are_the_recommended_ones() -> None:
    settings = parse({}, Settings)
    assert (settings.optimizer, settings.lr, settings.weight_decay) == ("adam", 1e-3, 1e-4)
    assert (settings.schedule, settings.plateau_patience) == ("plateau", 5)
    assert (settings.data, settings.model) == ("digits", "cnn")


def test_every_default_keeps_its_own_rule() -> None:
    settings = Settings()
    assert [key for key in RULES if not RULES[key].admits(getattr(settings, key))] == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "model",
            "rnn",
            "model must be one of cnn, mlp, linear, resnet, or your own as module:function, found rnn",
        ),
        ("norm", ["batch"], "norm must be one of batch, layer, none, found ['batch']"),
        (
            "schedule",
            "linear",
            "schedule must be one of constant, step, multistep, exponential, cosine, one_cycle, polynomial, "
            "plateau, found linear",
        ),
        ("pooling", "max", "pooling must be one of global, flatten, found max"),
        ("kernel", 4, "kernel must be one of 1, 3, 5, 7, found 4"),
        ("kernel", 3.0, "kernel must be one of 1, 3, 5, 7, found 3.0"),
        ("kernel", True, "kernel must be one of 1, 3, 5, 7, found true"),
        ("lr", 0, "lr must be a number above 0, found 0"),
        ("lr", float("nan"), "lr must be a number above 0, found nan"),
        ("lr", float("inf"), "lr must be a number above 0, found inf"),
        ("lr", "1e-3", "lr must be a number above 0, found '1e-3'"),
        ("lr", True, "lr must be a number above 0, found true"),
        ("weight_decay", -1e-4, "weight_decay must be a number from 0, found -0.0001"),
        ("dropout", 1.0, "dropout must be a number from 0 below 1, found 1.0"),
        ("momentum", 1, "momentum must be a number from 0 below 1, or null, found 1"),
        ("label_smoothing", -0.1, "label_smoothing must be a number from 0 below 1, found -0.1"),
        ("plateau_factor", 1.5, "plateau_factor must be a number above 0 below 1, found 1.5"),
        ("plateau_patience", -1, "plateau_patience must be a whole number of at least 0, found -1"),
        ("depth", 0, "depth must be a whole number of at least 1, found 0"),
        ("width", 64.0, "width must be a whole number of at least 1, found 64.0"),
        ("channels", False, "channels must be a whole number of at least 1, found false"),
        ("batch_size", 1, "batch_size must be a whole number of at least 2, found 1"),
        ("nesterov", 1, "nesterov must be one of true, false, found 1"),
        (
            "widths",
            "64,32",
            "widths must be whole numbers of at least 1 joined by dashes, e.g. 128-64, or null, "
            "found '64,32'",
        ),
        (
            "milestones",
            0,
            "milestones must be whole numbers of at least 1 joined by dashes, e.g. 128-64, or null, found 0",
        ),
        ("clip_norm", 0.0, "clip_norm must be a number above 0, or null, found 0.0"),
        ("rotation", 200, "rotation must be a number from 0 to 180, found 200"),
        ("model_options", 3, "model_options must be a mapping of names to values, found 3"),
        ("precision", "fp8", "precision must be one of float32, bf16, fp16, found fp8"),
        ("schedule", "step", "schedule: step needs step_epochs, found none: give it, e.g. step_epochs: 10"),
        (
            "schedule",
            "multistep",
            "schedule: multistep needs milestones, found none: give it, e.g. milestones: 30-60",
        ),
        (
            "train_fraction",
            0.9,
            "train_fraction + validation_fraction must be below 1, the test gets the rest, found 0.9 + 0.2",
        ),
        ("split_seed", 2**32, "split_seed must be a whole number from 0 to 4294967295, found 4294967296"),
    ],
)
def test_a_bad_value_is_refused_with_key_rule_and_value(key: str, value: object, message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse({key: value}, Settings)
    assert str(error.value) == message


def test_an_unknown_key_is_refused_with_the_nearest_and_all_known_ones() -> None:
    with pytest.raises(
        ValueError,
        match=r"unknown key learning_rate: 0\.1; did you mean lr\? `python -m trainer --help` lists all keys",
    ):
        parse({"learning_rate": 0.1}, Settings)
    with pytest.raises(ValueError, match=r"unknown key droput: 0.1; did you mean dropout\?"):
        parse({"droput": 0.1}, Settings)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"unknown key foo: 1; .*; depth must be .*; lr must be"):
        parse({"lr": -1, "foo": 1, "depth": "two"}, Settings)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ValueError, match="nesterov: true needs a momentum above 0, found momentum: 0"):
        parse({"optimizer": "sgd", "nesterov": True, "momentum": 0}, Settings)
    assert parse({"nesterov": True}, Settings).nesterov


def test_whole_numbers_do_for_numbers() -> None:
    assert parse({"lr": 1, "momentum": 0, "weight_decay": 0}, Settings).weight_decay == 0


def test_what_only_another_branch_reads_is_ignored() -> None:
    assert parse({"optimizer": "adam", "momentum": 0.5, "model": "mlp", "kernel": 5}, Settings).kernel == 5


def test_a_whole_number_too_large_for_a_float_is_no_number() -> None:
    with pytest.raises(ValueError, match="lr must be a number above 0, found 1000"):
        parse({"lr": 10**400}, Settings)


def test_options_for_parts_of_ones_own_are_not_ignored() -> None:
    message = "model_options are for a function of your own, found model: cnn with {'a': 1}: leave them out"
    with pytest.raises(ValueError) as error:
        parse({"model_options": {"a": 1}}, Settings)
    assert str(error.value) == message


def test_a_file_of_tests_leaves_all_other_rows_to_train_and_validate() -> None:
    fractions = {"train_fraction": 0.9, "validation_fraction": 0.1}
    assert parse({"data": "cifar10", **fractions}, Settings)
    with pytest.raises(ValueError, match=r"must be below 1, the test gets the rest, found 0\.9 \+ 0\.1"):
        parse(fractions, Settings)


def test_numbers_in_a_string() -> None:
    assert parse({"widths": "64-32", "milestones": 30, "schedule": "multistep"}, Settings).widths == "64-32"


def test_settings_of_a_recipe_of_ones_own_keep_its_own_rules() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine(LoopSettings):
        heads: Count = 4

    assert parse({"heads": 8, "batch_size": 16}, Mine) == Mine(heads=8, batch_size=16)
    with pytest.raises(ValueError, match=r"heads must be a whole number of at least 1, found 0"):
        parse({"heads": 0}, Mine)
    with pytest.raises(ValueError, match=r"unknown key head: 8; did you mean heads\?"):
        parse({"head": 8}, Mine)


def test_every_key_says_its_rule_in_words() -> None:
    assert all(str(rule) for rule in RULES.values())
    assert str(OneOf((1, True, "a b"))) == "one of 1, true, 'a b'"
