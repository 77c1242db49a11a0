"""One step, pure: whatever a server sends, what is read of it has its shape or is an error."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.catalog.chains import SHAPES
from monitor.discovery.steps import Answer, UnusableError, read, request
from monitor.model.secret import Secret
from tests.discovery.support import CHAINS, by_id, targets

STEPS = [step for chain in CHAINS.values() for step in chain.steps]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["versions", "version", "assetUri", "token", "manifests", "digest"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
URLS = st.text(max_size=40) | st.builds("https://{}/{}".format, st.text(max_size=20), st.text())


def well_read(step, answer: Answer) -> None:
    said, values = "", {}
    try:
        values = read(step, answer)
    except UnusableError as error:
        said = error.detail
    assert said.isprintable()
    assert len(said) < 200
    for one in step.reads if not said else ():
        value = values[one.name]
        assert isinstance(value, Secret) == (one.shape == "token")
        text = value.reveal() if isinstance(value, Secret) else value
        assert SHAPES[one.shape].fullmatch(text)


@given(st.sampled_from(STEPS), JSON, URLS)
def test_any_document_is_read_or_refused(step, document: object, location: str) -> None:
    body = json.dumps(document).encode()
    well_read(step, Answer(200, {"location": location}, body))


@given(st.sampled_from(STEPS), st.binary(max_size=200))
def test_any_body_is_read_or_refused(step, body: bytes) -> None:
    well_read(step, Answer(200, {"content-type": "text/HTML"}, body))


@given(st.from_regex(r"[0-9A-Za-z._+-]{1,64}", fullmatch=True))
def test_a_version_stays_within_its_segment_of_the_path(version: str) -> None:
    body = json.dumps({"version": version}).encode()
    step = CHAINS["release-version"].steps[0]
    try:
        values = read(step, Answer(200, {}, body))
    except UnusableError:
        assert not version[0].isalnum()
    else:
        assert values == {"version": version}


def test_a_token_is_a_secret_from_the_moment_it_is_read() -> None:
    chain = CHAINS["public-ecr-layers"]
    values = read(chain.steps[0], Answer(200, {}, b'{"token": "hunter2"}'))
    assert "hunter2" not in repr(values)
    row = replace(by_id(targets())["registry-public-ecr"])
    target, headers = request(chain.steps[1], row, values)
    assert "hunter2" not in repr((target, headers))
    sent = headers["Authorization"]
    assert isinstance(sent, Secret)
    assert sent.reveal() == "Bearer hunter2"


def test_an_answer_never_shows_its_body_or_its_headers() -> None:
    answer = Answer(200, {"location": "https://a/?Signature=hunter2"}, b'{"token": "hunter2"}')
    assert "hunter2" not in repr(answer)
