"""Ideas and what surrounds them: votes, both streams of comments, people, portals."""

from sandbox.filters import at_json, has_text, list_has, only_proxy, status_is, with_spam
from sandbox.forms import Form
from sandbox.resources import CHANGED, CREATED, SEARCH, Resource, Route

IDEA_STUB = (
    "id",
    "reference_num",
    "name",
    "created_at",
    "updated_at",
    "workflow_status",
    "description",
    "url",
    "resource",
)
VOTE_STUB = (
    "id",
    "idea_id",
    "created_at",
    "updated_at",
    "value",
    "link",
    "weight",
    "endorsed_by_user",
    "endorsed_by_portal_user",
    "endorsed_by_idea_user",
    "idea_organization",
)
ORGANIZATION_STUB = ("id", "name", "created_at", "url", "resource")
# Aha! names the orders and does not say what they go by.
IDEA_SORTS = {
    "recent": "json_extract(body, '$.created_at')",
    "trending": "updated",
    "popular": "json_extract(body, '$.initial_votes') + "
    "(SELECT COUNT(*) FROM records vote WHERE vote.kind = 'vote' AND vote.parent = records.id)",
}
COMMENTED = (
    "idea",
    "feature",
    "epic",
    "requirement",
    "initiative",
    "goal",
    "release",
    "release_phase",
    "task",
    "page",
)
WORKSPACE_COMMENTS = "/products/{parent}/comments"

VOTES = Resource(
    "vote",
    "idea_endorsements",
    "idea_endorsement",
    (
        Route("/ideas/endorsements"),
        # No time filter is documented for these two.
        Route("/ideas/{parent}/endorsements", "idea", filters=frozenset({"proxy"})),
        Route(
            "/idea_organizations/{parent}/endorsements",
            "idea_organization",
            "$.idea_organization.id",
            frozenset(),
        ),
    ),
    (Route("/ideas/{parent}/endorsements/{id}", "idea"),),
    Form(VOTE_STUB, ("id", "idea_id"), frozenset({"associated_idea_organizations"})),
    CREATED | CHANGED | {"proxy": only_proxy},
)
COMMENTS = Resource(
    "comment",
    "comments",
    "comment",
    (
        *(Route(f"/{kind}s/{{parent}}/comments", kind) for kind in COMMENTED),
        Route(WORKSPACE_COMMENTS, "product", "$.commentable.product_id", rank="updated"),
    ),
    (Route("/comments/{id}"),),
    Form(extras=frozenset({"parent_comment_id", "reactions"})),
)
IDEAS = Resource(
    "idea",
    "ideas",
    "idea",
    (
        Route("/ideas"),
        Route("/products/{parent}/ideas", "product"),
        Route("/ideas/related", filters=frozenset({"q"})),
    ),
    (Route("/ideas/{id}"),),
    Form(IDEA_STUB, ("id", "product_id"), frozenset({"watchers"})),
    SEARCH
    | CREATED
    | CHANGED
    | {
        "workflow_status": status_is,
        "spam": with_spam,
        "tag": list_has("$.tags"),
        "user_id": at_json("$.created_by_user.id"),
        "idea_user_id": at_json("$.created_by_idea_user.id"),
    },
    {"spam": "false"},
    sorts=IDEA_SORTS,
)

FEEDBACK = (
    IDEAS,
    VOTES,
    COMMENTS,
    Resource(
        "idea_comment",
        "idea_comments",
        "idea_comment",
        (Route("/ideas/{parent}/idea_comments", "idea"),),
        form=Form(always=("id", "idea_id"), extras=frozenset({"updated_at", "spam"})),
        filters={"spam": with_spam},
        defaults={"spam": "false"},
    ),
    Resource(
        "subscription",
        "idea_subscriptions",
        "idea_subscription",
        (Route("/ideas/{parent}/subscriptions", "idea"),),
    ),
    Resource(
        "idea_organization",
        "idea_organizations",
        "idea_organization",
        (Route("/idea_organizations"),),
        (Route("/idea_organizations/{id}"),),
        Form(ORGANIZATION_STUB, extras=frozenset({"record_links", "segments", "resource"})),
        SEARCH | CHANGED | {"email_domain": has_text("$.email_domains"), "segment": list_has("$.segments")},
    ),
    Resource(
        "idea_user",
        "idea_users",
        "idea_user",
        (Route("/idea_users"),),
        (Route("/idea_users/{id}"),),
        Form(extras=frozenset({"title", "phone", "portal_users"})),
        CHANGED
        | {"email": at_json("$.email"), "idea_portal_id": list_has("$.portal_users", "$.idea_portal_id")},
    ),
    Resource(
        "idea_portal",
        "idea_portals",
        "idea_portal",
        (Route("/idea_portals"), Route("/products/{parent}/idea_portals", "product")),
    ),
    Resource(
        "portal_user",
        "portal_users",
        "portal_user",
        (Route("/idea_portals/{parent}/portal_users", "idea_portal"),),
        (Route("/idea_portals/{parent}/portal_users/{id}", "idea_portal"),),
        filters={"email": at_json("$.email")},
    ),
    Resource(
        "idea_category",
        "idea_categories",
        "idea_category",
        (Route("/products/{parent}/idea_categories", "product"),),
    ),
    # Documented without a body: what stands in one is a guess.
    Resource("idea_theme", "idea_themes", lists=(Route("/idea_themes"),)),
)
