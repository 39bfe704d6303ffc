"""Handlers: found by name, refused when two share one."""

import pytest

from pulse.errors import DuplicateHandler, InvalidInput, UnknownHandler
from pulse.registry import Registry, handler, registry


def test_a_second_handler_of_one_name_is_refused_with_both_places_named():
    @handler("test.twice")
    def first(run):
        """The first."""

    try:
        with pytest.raises(DuplicateHandler) as refused:

            @handler("test.twice")
            def second(run):
                """The second."""

        lines = [function.__code__.co_firstlineno for function in (first,)]
        assert f"{__file__}:{lines[0]}" in refused.value.message
        assert refused.value.message.count(__file__) == 2
        assert registry.get("test.twice").function is first
    finally:
        registry.remove("test.twice")


def test_registering_the_same_function_again_is_harmless():
    empty = Registry()
    empty.add(registry.get("pulse.noop"))
    empty.add(registry.get("pulse.noop"))
    assert empty.names() == ["pulse.noop"]


def test_an_unknown_handler_is_refused_and_the_known_ones_are_named():
    with pytest.raises(UnknownHandler) as refused:
        registry.get("test.nowhere")
    assert refused.value.message == "handler 'test.nowhere' is not registered"
    assert "pulse.noop" in refused.value.hint


@pytest.mark.parametrize(
    "name", ["noop", "Pulse.noop", "pulse.", ".noop", "pulse noop", "pulse.no/op", "pulse.noop\n"]
)
def test_a_name_that_is_not_domain_operation_is_refused(name):
    with pytest.raises(InvalidInput, match=r"must look like domain\.operation"):
        handler(name)


def test_a_time_limit_of_zero_is_refused():
    with pytest.raises(InvalidInput, match="timeout_s must be above 0"):
        handler("test.zero", timeout_s=0)


def test_the_description_is_the_docstring_where_none_is_given():
    @handler("test.described")
    def work(run):
        """Counts the sheep."""

    try:
        assert registry.get("test.described").description == "Counts the sheep."
    finally:
        registry.remove("test.described")
