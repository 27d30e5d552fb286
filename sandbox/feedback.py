"""Ideas and what surrounds them: votes, both streams of comments, people, portals."""

from sandbox.filters import at_json, list_has, only_proxy, status_is, with_spam
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

FEEDBACK = (
    Resource(
        "vote",
        "idea_endorsements",
        "idea_endorsement",
        (Route("/ideas/endorsements"), Route("/ideas/{parent}/endorsements", "idea")),
        ("/ideas/{parent}/endorsements/{id}",),
        Form(VOTE_STUB, ("id", "idea_id"), frozenset({"associated_idea_organizations"})),
        CREATED | CHANGED | {"proxy": only_proxy},
    ),
    Resource(
        "comment", "comments", "comment", (Route("/ideas/{parent}/comments", "idea"),), ("/comments/{id}",)
    ),
    Resource("product_comment", "comments", "comment", (Route("/products/{parent}/comments", "product"),)),
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
        "idea",
        "ideas",
        "idea",
        (Route("/ideas"), Route("/products/{parent}/ideas", "product")),
        ("/ideas/{id}",),
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
    ),
    Resource(
        "idea_organization",
        "idea_organizations",
        "idea_organization",
        (Route("/idea_organizations"),),
        ("/idea_organizations/{id}",),
        Form(ORGANIZATION_STUB, extras=frozenset({"record_links", "segments", "resource"})),
        SEARCH | CHANGED | {"email_domain": at_json("$.email_domains")},
    ),
    Resource(
        "idea_user",
        "idea_users",
        "idea_user",
        (Route("/idea_users"),),
        ("/idea_users/{id}",),
        Form(extras=frozenset({"title", "phone", "portal_users"})),
        CHANGED | {"email": at_json("$.email")},
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
        ("/idea_portals/{parent}/portal_users/{id}",),
        filters={"email": at_json("$.email")},
    ),
    Resource(
        "idea_category",
        "idea_categories",
        "idea_category",
        (Route("/products/{parent}/idea_categories", "product"),),
    ),
)
