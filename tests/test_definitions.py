"""A definition file's mistakes are told, a line each: the file, the line, the key, and the way out."""

import tomllib

import pytest
from pydantic import Field, field_validator

from leasebench import definitions
from leasebench.bench.faults.delay import NetworkDelay
from leasebench.bench.faults.partition import Partition
from leasebench.bench.faults.pause import PauseProcess
from leasebench.definitions import (
    MOST_MISTAKES,
    Definition,
    DefinitionError,
    Mistake,
    Mistakes,
    Source,
    every,
    nearest,
    read_source,
    validate,
)


class Inner(Definition):
    size: int = Field(default=1, gt=0)


class Outer(Definition):
    name: str
    inner: Inner = Inner()
    several: list[Inner] = Field(default_factory=list)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "my.toml"


class TestReading:
    def test_a_file_is_read(self, file):
        file.write_text("a = { b = 1 }\n")
        assert read_source(file)[0] == {"a": {"b": 1}}

    def test_broken_toml_names_the_file_and_the_line(self, file):
        file.write_text("a = 1\nb = \n")
        with pytest.raises(DefinitionError, match=r"my\.toml: .*TOML.*line 2"):
            read_source(file)

    def test_a_file_that_is_not_there_is_named(self, file):
        with pytest.raises(DefinitionError, match=r"my\.toml: .*No such file"):
            read_source(file)

    def test_a_directory_is_no_definition(self, tmp_path):
        with pytest.raises(DefinitionError, match="cannot be read: Is a directory"):
            read_source(tmp_path)

    def test_bytes_that_are_no_text_are_told(self, file):
        file.write_bytes(b"a = '\xff'\n")
        with pytest.raises(DefinitionError, match=r"my\.toml: not UTF-8"):
            read_source(file)

    def test_a_huge_file_is_not_read(self, file, monkeypatch):
        monkeypatch.setattr(definitions, "MAX_DEFINITION_BYTES", 10)
        file.write_text("a = 1234567890\n")
        with pytest.raises(DefinitionError, match="larger than 10 bytes"):
            read_source(file)

    def test_deeply_nested_toml_is_an_error_of_the_file(self, file):
        file.write_text("a = " + "[" * 100_000)
        with pytest.raises(DefinitionError, match=r"my\.toml: "):
            read_source(file)


class TestValidation:
    def told(self, data, at=()):
        with pytest.raises(DefinitionError) as caught:
            validate(Outer, data, "my.toml", at)
        return str(caught.value)

    def test_what_is_right_becomes_a_frozen_value(self):
        outer = validate(Outer, {"name": "n", "inner": {"size": 2}}, "my.toml")
        assert outer.inner.size == 2
        with pytest.raises(ValueError, match="frozen"):
            outer.name = "m"

    def test_a_missing_key_is_named_with_the_place_it_stands_at(self):
        assert self.told({}, ("thing", "x")).startswith("my.toml: thing.x.name: ")

    def test_an_unknown_key_offers_the_nearest(self):
        told = self.told({"name": "n", "iner": {}})
        assert told.startswith("my.toml: iner: ")
        assert told.endswith("inner or name?")

    def test_an_unknown_key_that_is_near_to_none_offers_all(self):
        told = self.told({"name": "n", "zzz": 1})
        assert told.startswith("my.toml: zzz: ")
        assert told.endswith("inner, name, several")

    def test_an_unknown_key_deeper_down_offers_its_neighbours(self):
        told = self.told({"name": "n", "inner": {"sice": 1}})
        assert told.startswith("my.toml: inner.sice: ")
        assert told.endswith(" size?")

    def test_an_unknown_key_within_a_list_offers_its_neighbours_too(self):
        told = self.told({"name": "n", "several": [{"sice": 1}]})
        assert told.startswith("my.toml: several.0.sice: ")
        assert told.endswith(" size?")

    def test_a_value_out_of_bounds_tells_the_bound_and_what_was_given(self):
        told = self.told({"name": "n", "inner": {"size": 0}})
        assert told.startswith("my.toml: inner.size: ")
        assert told.endswith(" than 0 (got 0)")

    def test_every_mistake_is_told_in_a_line_of_its_own(self):
        told = self.told({"inner": {"size": 0}, "nam": "n"}).splitlines()
        assert [line.split(": ")[:2] for line in told] == [["my.toml", key] for key in ("name", "inner.size", "nam")]

    def test_mistakes_read_as_they_should(self, golden):
        text = 'nam = "n"\nzzz = 1\n[inner]\nsize = 0\n[[several]]\nsice = 1\n[[several]]\nsize = "big"\n'
        with pytest.raises(DefinitionError) as caught:
            validate(Outer, tomllib.loads(text), Source("my.toml", text))
        golden("mistakes", str(caught.value))

    def test_at_most_twenty_are_told_and_the_others_counted(self):
        told = self.told({"name": "n", **{f"wrong{n}": 1 for n in range(25)}}).splitlines()
        assert len(told) == MOST_MISTAKES + 1
        assert told[-1] == "my.toml: and 5 more mistakes"

    def test_the_line_is_told_where_the_text_is_known(self):
        text = 'name = "n"\n\n[inner]\n# a comment\nsize = 0\n[[several]]\nsize = 1\n[[several]]\nsice = 2\n'
        with pytest.raises(DefinitionError) as caught:
            validate(Outer, tomllib.loads(text), Source("my.toml", text))
        assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == ["my.toml:5", "my.toml:9"]

    def test_what_is_missing_has_the_line_of_the_table_that_lacks_it(self):
        text = "[thing.x]\ninner = { size = 1 }\n"
        with pytest.raises(DefinitionError, match=r"^my\.toml:1: thing\.x\.name: "):
            validate(Outer, tomllib.loads(text)["thing"]["x"], Source("my.toml", text), ("thing", "x"))

    def test_what_a_validator_inside_finds_is_told_at_its_own_key(self):
        class Whole(Definition):
            part: list[int]

            @field_validator("part")
            @classmethod
            def _are_even(cls, part):
                raise Mistakes([Mistake((n,), "is odd") for n, value in enumerate(part) if value % 2])

        text = "part = [\n  1,\n  2,\n  3,\n]\n"
        with pytest.raises(DefinitionError) as caught:
            validate(Whole, tomllib.loads(text), Source("my.toml", text))
        assert str(caught.value).splitlines() == ["my.toml:2: part.0: is odd", "my.toml:4: part.2: is odd"]

    @pytest.mark.parametrize("data", [3, [], "text", None])
    def test_what_is_no_table_at_all_is_told(self, data):
        assert self.told(data).startswith("my.toml: the file: ")


def test_nearest_offers_at_most_three_names():
    assert nearest("fruit", "aple", ["apple", "maple", "ample", "staple", "pear"]).count(" or ") == 2


@pytest.mark.parametrize(
    ("settings", "key", "meant"),
    [
        (PauseProcess, "pause_ms", "ms"),
        (PauseProcess, "ttl", "times_ttl"),
        (PauseProcess, "rate_per_s", "per_s"),
        (PauseProcess, "spraed", "spread"),
        (NetworkDelay, "jiter_ms", "jitter_ms or ms"),
        (Partition, "begin_s", "every_s or first_s"),
    ],
)
def test_a_setting_is_offered_by_the_unit_that_its_name_ends_with(settings, key, meant):
    assert nearest("key", key, settings.model_fields).endswith(f"did you mean {meant}?")


def test_of_several_attempts_every_mistake_is_told():
    def fails(text):
        raise DefinitionError(text)

    assert every(lambda: 1, lambda: 2) == [1, 2]
    with pytest.raises(DefinitionError) as caught:
        every(lambda: fails("a\nb"), lambda: 1, lambda: fails("b\nc"))
    assert str(caught.value) == "a\nb\nc"
