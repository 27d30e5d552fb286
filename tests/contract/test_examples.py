"""The sandbox answers as Aha!'s examples do: same keys, same nesting, same JSON types, both ways."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from strict_cassettes.shapes import differences, shape_of

from sandbox.faults import Scheduled
from sandbox.server import Sandbox, running
from sandbox.store import Condition

EXAMPLES = Path(__file__).parent / "examples"
SELECTED = (
    "name,reference_num,created_at,updated_at,votes,endorsements_count,comments_count,workflow_status,"
    "description,categories,custom_fields"
)
COMMENT_FIELDS = (
    "body,spam,updated_at,created_at,visibility,parent_idea_comment_id,idea_commenter_user,"
    "idea_commenter_portal_user,idea_commenter_idea_user,name,email"
)
IDEAS = "/ideas?per_page=200"

# Example files → the requests whose answers, taken together, have the files' shapes, taken together. `{kind}`
# stands for each id of that kind in turn.
CASES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("ideas.list", "products.id.ideas.list"): (IDEAS, "/products/{product}/ideas?per_page=200"),
    ("ideas.list.empty",): ("/ideas?q=no idea bears this name",),
    ("ideas.list.fields-star",): ("/ideas?per_page=200&fields=*",),
    ("ideas.list.fields-selected",): (f"/ideas?per_page=200&fields={SELECTED}",),
    ("ideas.detail", "ideas.detail.created-by-aha-user", "ideas.detail.merged", "ideas.detail.small-ids"): (
        "/ideas/{idea}",
    ),
    ("ideas.detail.fields-plain-text",): ("/ideas/DEMO-I-2?fields=description,plain_text_body",),
    ("ideas.endorsements.list", "ideas.id.endorsements.list"): (
        "/ideas/endorsements?per_page=200",
        "/ideas/{idea}/endorsements?per_page=200",
    ),
    ("ideas.id.endorsements.proxy.list",): ("/ideas/{idea}/endorsements?per_page=200&proxy=true",),
    ("ideas.id.endorsements.list.fields-star",): (
        "/ideas/{idea}/endorsements?per_page=200&proxy=true&fields=*,associated_idea_organizations",
    ),
    ("ideas.id.endorsements.detail", "ideas.id.endorsements.detail.plain-vote"): (
        "/ideas/{idea}/endorsements/{vote}",
    ),
    ("ideas.id.comments.list",): ("/ideas/{idea}/comments?per_page=200",),
    ("comments.detail",): ("/comments/{comment}",),
    ("products.id.comments.list",): ("/products/{product}/comments",),
    ("ideas.id.idea_comments.list", "ideas.id.idea_comments.list.small-ids"): (
        "/ideas/{idea}/idea_comments?per_page=200",
    ),
    ("ideas.id.idea_comments.list.fields-selected",): (
        f"/ideas/{{idea}}/idea_comments?per_page=200&fields={COMMENT_FIELDS}",
    ),
    ("ideas.id.subscriptions.list",): ("/ideas/DEMO-I-1/subscriptions",),
    ("idea_organizations.list",): ("/idea_organizations",),
    ("idea_organizations.list.fields-selected",): ("/idea_organizations?fields=name,updated_at,revenue",),
    ("idea_organizations.detail",): ("/idea_organizations/{idea_organization}",),
    ("idea_users.list", "idea_users.detail"): ("/idea_users?per_page=200", "/idea_users/{idea_user}"),
    ("idea_portals.list",): ("/idea_portals",),
    ("products.id.idea_portals.list",): ("/products/DEMO/idea_portals",),
    ("idea_portals.id.portal_users.list",): ("/idea_portals/{idea_portal}/portal_users",),
    ("idea_portals.id.portal_users.detail",): ("/idea_portals/{idea_portal}/portal_users/{portal_user}",),
    ("products.id.idea_categories.list",): ("/products/DEMO/idea_categories",),
    ("products.list",): ("/products",),
    ("products.detail",): ("/products/DEMO",),
    ("features.list",): ("/features",),
    ("features.list.fields-selected",): (
        "/features?fields=name,reference_num,created_at,updated_at,workflow_status",
    ),
    ("features.detail",): ("/features/DEMO-7",),
    ("features.id.requirements.list",): ("/features/DEMO-7/requirements",),
    ("requirements.detail",): ("/requirements/DEMO-7-1",),
    ("features.id.record_links.list",): ("/features/DEMO-7/record_links",),
    ("record_links.detail",): ("/record_links/{record_link}",),
    ("epics.list",): ("/epics",),
    ("epics.detail",): ("/epics/DEMO-E-2",),
    ("initiatives.list",): ("/initiatives",),
    ("initiatives.detail",): ("/initiatives/DEMO-S-1",),
    ("products.id.releases.list",): ("/products/DEMO/releases",),
    ("releases.detail",): ("/releases/DEMO-R-3",),
    ("release_phases.list",): ("/release_phases",),
    ("releases.id.release_phases.list",): ("/releases/DEMO-R-3/release_phases",),
    ("goals.list",): ("/goals",),
    ("goals.detail",): ("/goals/DEMO-G-1",),
    ("goals.id.key_results.list",): ("/goals/DEMO-G-1/key_results",),
    ("key_results.detail",): ("/key_results/{key_result}",),
    ("tasks.list",): ("/tasks",),
    ("tasks.detail",): ("/tasks/{task}",),
    ("users.list",): ("/users",),
    ("users.detail",): ("/users/{user}",),
    ("products.id.users.list",): ("/products/DEMO/users",),
    ("me",): ("/me",),
    ("audits.list",): ("/audits?audit_action=update",),
    ("audits.list.destroy",): ("/audits?audit_action=destroy",),
    ("historical_audits.index",): ("/historical_audits",),
    ("historical_audits.results",): ("/historical_audits/7300000000000027001",),
    ("deletions.list",): ("/deletions",),
    ("custom_field_definitions.list",): ("/custom_field_definitions",),
    ("custom_field_definitions.id.options.list",): (
        "/custom_field_definitions/{custom_field_definition}/options",
    ),
    ("custom_field_definitions.id.custom_field_options.list",): (
        "/custom_field_definitions/{custom_field_definition}/custom_field_options",
    ),
    ("products.id.workflows.list",): ("/products/DEMO/workflows",),
    ("workflows.detail",): ("/workflows/{workflow}",),
    ("bookmarks.custom_pivots.list-view",): ("/bookmarks/custom_pivots/1?view=list",),
    ("errors/404",): ("/ideas/1",),
}

# Example files that no GET of the sandbox answers, each with its reason.
NOT_ANSWERED = {
    "historical_audits.create-search": "answers a POST; asked for in a test of its own",
    "time_tracking_events.embedded": "no route answers it alone; it stands inside features.detail",
    "webhooks.activity": "is sent to a receiver, not answered",
    "errors/401": "a placeholder; the documented 401 is HTML without a body",
    "errors/403": "a placeholder; the sandbox's key may read everything",
    "errors/422": "answers a write",
    "errors/429": "needs a rate limit; asked for in a test of its own",
    "errors/500": "a placeholder; faults answer 500",
}

# (first example file, path) → why the sandbox may differ there.
NULLABLE = "documented as text or null; the example's few rows show one of the two"
BY_PORTAL_USER = "the account-wide example has a proxy vote of a portal user"
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("ideas.list.fields-star", ".ideas[].created_by_idea_user.title"): NULLABLE,
    ("ideas.list.fields-star", ".ideas[].integration_fields[]"): "the small-ids example has some",
    ("ideas.detail", ".idea.created_by_idea_user.title"): NULLABLE,
    ("ideas.id.endorsements.proxy.list", ".idea_endorsements[].link"): NULLABLE,
    ("ideas.id.endorsements.proxy.list", ".idea_endorsements[].value"): NULLABLE,
    ("ideas.id.endorsements.proxy.list", ".idea_endorsements[].endorsed_by_idea_user"): BY_PORTAL_USER,
    ("ideas.id.endorsements.proxy.list", ".idea_endorsements[].endorsed_by_portal_user"): BY_PORTAL_USER,
    ("ideas.id.endorsements.list.fields-star", ".idea_endorsements[].link"): NULLABLE,
    ("ideas.id.endorsements.list.fields-star", ".idea_endorsements[].value"): NULLABLE,
    ("ideas.id.endorsements.list.fields-star", ".idea_endorsements[].endorsed_by_idea_user"): BY_PORTAL_USER,
    (
        "ideas.id.endorsements.list.fields-star",
        ".idea_endorsements[].endorsed_by_portal_user",
    ): BY_PORTAL_USER,
    ("ideas.id.endorsements.detail", ".idea_endorsement.endorsed_by_idea_user.title"): NULLABLE,
    (
        "idea_users.list",
        ".idea_user.idea_organizations[]",
    ): "the detail's person has none, one of the list has",
    ("idea_organizations.detail", ".idea_organization.revenue"): NULLABLE,
    ("tasks.detail", ".task.due_date"): NULLABLE,
    ("goals.list", ".goals[].success_metric.workflow_status_times"): "the same goal's detail example has it",
    ("users.detail", ".user.accessed_at"): "the list example has a user who never signed in",
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running(ideas=90, seed_number=2) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def session(box: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["Authorization"] = f"Bearer {box.api_key}"
        yield opened


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def answers(box: Sandbox, session: requests.Session, request: str) -> Iterator[Any]:
    """The answers to a request, once for each record that its placeholders may stand for."""
    kinds = [part.split("}")[0] for part in request.split("{")[1:]]
    if not kinds:
        yield session.get(f"{box.url}/api/v1{request}", timeout=5).json()
        return
    for record in box.world.store.page([Condition("kind = ?", (kinds[-1],))]):
        ids = {kinds[0]: record.parent, kinds[-1]: record.id}
        answer = session.get(f"{box.url}/api/v1{request.format(**ids)}", timeout=5)
        if answer.status_code == 200:
            yield answer.json()


@pytest.mark.parametrize(("files", "asked"), CASES.items(), ids=[files[0] for files in CASES])
def test_an_answer_has_the_shape_of_the_published_example(
    files: tuple[str, ...], asked: tuple[str, ...], box: Sandbox, session: requests.Session
) -> None:
    wanted = shape_of(example(name) for name in files)
    found = shape_of(body for request in asked for body in answers(box, session, request))
    excepted = {path for name, path in EXCEPTIONS if name == files[0]}
    told = {path: what for path, what in differences(wanted, found).items() if path not in excepted}
    assert told == {}


def test_every_exception_is_still_needed_and_gives_a_reason(box: Sandbox, session: requests.Session) -> None:
    for (name, path), reason in EXCEPTIONS.items():
        [(files, asked)] = [case for case in CASES.items() if case[0][0] == name]
        wanted = shape_of(example(file) for file in files)
        found = shape_of(body for request in asked for body in answers(box, session, request))
        assert reason
        assert path in differences(wanted, found)


def test_every_example_is_compared_or_named_with_a_reason() -> None:
    files = {str(path.relative_to(EXAMPLES).with_suffix("")) for path in EXAMPLES.rglob("*.json")}
    compared = {name for names in CASES for name in names}
    assert files == compared | set(NOT_ANSWERED)
    assert not compared & set(NOT_ANSWERED)


def test_a_search_in_old_audits_starts_with_a_post(box: Sandbox, session: requests.Session) -> None:
    answer = session.post(f"{box.url}/api/v1/historical_audits", timeout=5).json()
    assert not differences(shape_of([example("historical_audits.create-search")]), shape_of([answer]))


def test_a_rate_limit_is_told_in_the_shape_of_the_example(box: Sandbox, session: requests.Session) -> None:
    box.traffic.faults.append(Scheduled("429_message"))
    answer = session.get(f"{box.url}/api/v1/ideas", timeout=5)
    assert answer.status_code == 429
    assert not differences(shape_of([example("errors/429")]), shape_of([answer.json()]))


def test_small_ids_are_numbers_where_aha_sends_them_as_numbers(
    box: Sandbox, session: requests.Session
) -> None:
    found = session.get(f"{box.url}/api/v1/ideas/OLD-I-1", timeout=5).json()["idea"]
    wanted = example("ideas.detail.small-ids")["idea"]
    for name, field in (("full_tags", "id"), ("categories", "parent_id"), ("custom_fields", "id")):
        assert [type(row[field]) for row in found[name]] == [type(row[field]) for row in wanted[name]]


def test_a_comparison_notices_a_missing_an_added_and_a_retyped_field() -> None:
    wanted, found = {"a": [{"b": 1, "c": 1}]}, {"a": [{"b": "1", "d": 1}]}
    assert differences(shape_of([wanted]), shape_of([found])) == {
        ".a[].b": "['string'] instead of ['number']",
        ".a[].c": "missing",
        ".a[].d": "not in the example",
    }
