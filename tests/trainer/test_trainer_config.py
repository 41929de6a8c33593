from __future__ import annotations

import pytest

from trainer.config import RULES, Settings, parse


def test_the_defaults_are_the_recommended_ones() -> None:
    settings = parse({})
    assert (settings.optimizer, settings.lr, settings.weight_decay) == ("adam", 1e-3, 1e-4)
    assert (settings.schedule, settings.plateau_patience) == ("plateau", 5)
    assert (settings.data, settings.model) == ("digits", "cnn")


def test_every_default_keeps_its_own_rule() -> None:
    settings = Settings()
    assert [key for key in RULES if not RULES[key].admits(getattr(settings, key))] == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", "rnn", "model must be one of cnn, mlp, found rnn"),
        ("model", ["cnn"], "model must be one of cnn, mlp, found ['cnn']"),
        ("data", "mnist", "data must be one of digits, found mnist"),
        ("optimizer", "sdg", "optimizer must be one of sgd, adam, adamw, found sdg"),
        ("schedule", None, "schedule must be one of constant, cosine, plateau, found None"),
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
        ("momentum", 1, "momentum must be a number from 0 below 1, found 1"),
        ("label_smoothing", -0.1, "label_smoothing must be a number from 0 below 1, found -0.1"),
        ("plateau_factor", 1.5, "plateau_factor must be a number above 0 below 1, found 1.5"),
        ("plateau_patience", -1, "plateau_patience must be a whole number of at least 0, found -1"),
        ("depth", 0, "depth must be a whole number of at least 1, found 0"),
        ("width", 64.0, "width must be a whole number of at least 1, found 64.0"),
        ("channels", False, "channels must be a whole number of at least 1, found false"),
        ("batch_size", 1, "batch_size must be a whole number of at least 2, found 1"),
        ("batch_norm", 1, "batch_norm must be one of true, false, found 1"),
        ("split_seed", 2**32, "split_seed must be a whole number from 0 to 4294967295, found 4294967296"),
    ],
)
def test_a_bad_value_is_refused_with_key_rule_and_value(key: str, value: object, message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse({key: value})
    assert str(error.value) == message


def test_an_unknown_key_is_refused_with_the_nearest_and_all_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown key learning_rate: 0\.1; the trainer knows data, split_seed"
    ):
        parse({"learning_rate": 0.1})
    with pytest.raises(ValueError, match=r"unknown key droput: 0.1; did you mean dropout\?"):
        parse({"droput": 0.1})


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"unknown key foo: 1; .*; depth must be .*; lr must be"):
        parse({"lr": -1, "foo": 1, "depth": "two"})


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ValueError, match="nesterov: true needs a momentum above 0, found momentum: 0"):
        parse({"optimizer": "sgd", "nesterov": True, "momentum": 0})
    assert parse({"nesterov": True}).nesterov


def test_whole_numbers_do_for_numbers() -> None:
    assert parse({"lr": 1, "momentum": 0, "weight_decay": 0}).weight_decay == 0
