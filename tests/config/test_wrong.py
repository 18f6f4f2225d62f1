"""What pydantic finds wrong, in words: the key as a user writes it, whichever file it stands in."""

import pytest
from pydantic import ValidationError

from blur_pipeline.config.campaign import Campaign, read_campaign
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.wrong import first_wrong


def wrong(**raw):
    with pytest.raises(ValidationError) as caught:
        Campaign.model_validate(raw)
    return first_wrong(caught.value, raw)


def test_what_a_value_might_have_been_is_no_part_of_its_name():
    """Of a union pydantic names every kind that it tried."""
    assert wrong(methods=3).key == "methods"
    assert wrong(ranges={"npo": {"lr": {"low": "x", "high": 2}}}).key == "ranges.npo.lr.low"


def test_keys_are_counted_and_not_the_kinds_that_were_tried():
    assert wrong(methods=3).others == 0
    assert wrong(methods=3, settings=0, silence=0).others == 2


def test_what_is_said_fits_into_a_sentence():
    assert wrong(settings=0).says == "input should be greater than or equal to 1"
    assert wrong(methods=[]).says == "name at least one method, or all"
    assert wrong(setings=1).unknown


def test_a_campaigns_file_names_its_key_so_too(tmp_path):
    path = tmp_path / "c.yml"
    path.write_text("ranges: {npo: {forget.beta: {low: .inf, high: 2}}}\n")
    with pytest.raises(BadInputError, match=r"'ranges\.npo\.forget\.beta\.low': .* a finite number, not inf\.$"):
        read_campaign(str(path))
