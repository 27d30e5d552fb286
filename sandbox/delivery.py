"""Workspaces, the work in them, and the account's configuration and history."""

from sandbox.filters import after_id, at_json, class_is, left_out, list_has, with_portals, with_teams
from sandbox.forms import Form
from sandbox.resources import CHANGED, CREATED, SEARCH, Resource, Route

WORK = SEARCH | CHANGED | {"assigned_to_user": at_json("$.assigned_to_user.email")}
FEATURE_STUB = ("id", "reference_num", "name", "created_at", "url", "resource", "product_id")
RELEASE_STUB = (
    "id",
    "reference_num",
    "name",
    "start_date",
    "release_date",
    "parking_lot",
    "created_at",
    "product_id",
    "integration_fields",
    "url",
    "resource",
    "owner",
    "project",
    "parent",
)
INITIATIVE_LEFT_OUT = frozenset(
    ["custom_fields", "features", "releases", "epic", "master_features", "workflow_status_times"]
)
PRODUCT_STUB = ("id", "reference_prefix", "name", "product_line", "created_at", "workspace_type", "url")
KEY_RESULT_STUB = (
    *("id", "name", "reference_num", "url", "position", "created_at", "updated_at", "progress"),
    *("target_metric", "starting_metric", "current_metric"),
)
MARKET_STUB = ("id", "name", "created_at")
PAGE_STUB = ("id", "name", "title", "reference_num", "url", "resource", "created_at", "parent_id")
INTEGRATION_STUB = ("id", "name", "service_name", "created_at")
TASK_STUB = ("id", "name", "due_date", "status", "created_at")
TASKS_BELOW = (
    ("product", "$.product_id"),
    *((kind, "$.taskable.id") for kind in ("feature", "epic", "release", "idea", "requirement")),
    ("user", "$.assigned_to_users[].user.id"),
)
NO_FILTERS: frozenset[str] = frozenset()
# Documented as lists without pages; no body was published, so they are empty here.
UNPAGED = ("me/assigned", "screen_definitions", "identity_providers", "paid_seat_groups", "account_backups")

DELIVERY = (
    Resource(
        "product",
        "products",
        "product",
        (Route("/products"),),
        (Route("/products/{id}"),),
        Form(PRODUCT_STUB),
        CHANGED | {"include_teams": with_teams, "with_idea_portals": with_portals},
        {"include_teams": "false"},
    ),
    Resource(
        "feature",
        "features",
        "feature",
        (
            Route("/features"),
            Route("/products/{parent}/features", "product"),
            Route("/releases/{parent}/features", "release", "$.release.id"),
            Route("/epics/{parent}/features", "epic", "$.epic.id"),
            Route("/initiatives/{parent}/features", "initiative", "$.initiative.id"),
            Route("/goals/{parent}/features", "goal", "$.goals[].id"),
        ),
        (Route("/features/{id}"),),
        Form(FEATURE_STUB, ("id", "product_id")),
        WORK | {"tag": list_has("$.tags")},
    ),
    Resource(
        "epic",
        "epics",
        "epic",
        (
            Route("/epics"),
            Route("/products/{parent}/epics", "product"),
            Route("/releases/{parent}/epics", "release", "$.release.id"),
            Route("/initiatives/{parent}/epics", "initiative", "$.initiative.id"),
            Route("/goals/{parent}/epics", "goal", "$.goals[].id"),
        ),
        (Route("/epics/{id}"),),
        Form(FEATURE_STUB[:-1]),
        WORK | {"tag": list_has("$.tags")},
    ),
    Resource(
        "initiative",
        "initiatives",
        "initiative",
        (
            Route("/initiatives"),
            Route("/products/{parent}/initiatives", "product"),
            Route("/goals/{parent}/initiatives", "goal", "$.goals[].id"),
        ),
        (Route("/initiatives/{id}"),),
        Form(left_out=INITIATIVE_LEFT_OUT),
        WORK | {"only_active": left_out("$.workflow_status.complete")},
    ),
    Resource(
        "release",
        "releases",
        "release",
        (
            Route("/products/{parent}/releases", "product"),
            Route("/goals/{parent}/releases", "goal", "$.goals[].id"),
            Route("/initiatives/{parent}/releases", "initiative", "$.initiatives[].id"),
        ),
        (Route("/releases/{id}"),),
        Form(RELEASE_STUB),
        SEARCH
        | CHANGED
        | {"parking_lot": at_json("$.parking_lot"), "exclude_shipped": left_out("$.released")},
    ),
    Resource(
        "goal",
        "goals",
        "goal",
        (
            Route("/goals"),
            Route("/products/{parent}/goals", "product"),
            Route("/initiatives/{parent}/goals", "initiative", "$.initiatives[].id"),
        ),
        (Route("/goals/{id}"),),
    ),
    Resource(
        "key_result",
        "key_results",
        "key_result",
        (Route("/goals/{parent}/key_results", "goal"),),
        (Route("/key_results/{id}"),),
    ),
    Resource(
        "requirement",
        "requirements",
        "requirement",
        (Route("/features/{parent}/requirements", "feature"),),
        (Route("/requirements/{id}"),),
        filters=SEARCH | CHANGED,
    ),
    Resource(
        "task",
        "tasks",
        "task",
        (
            Route("/tasks"),
            *(Route(f"/{kind}s/{{parent}}/tasks", kind, where, NO_FILTERS) for kind, where in TASKS_BELOW),
        ),
        (Route("/tasks/{id}"),),
        Form(TASK_STUB),
        CHANGED | {"type": class_is("$.type", "task")},
    ),
    Resource(
        "user",
        "users",
        "user",
        (Route("/users"),),
        (Route("/users/{id}"),),
        Form(detail_left_out=frozenset({"user_roles", "paid_seat_group"})),
        {"email": at_json("$.email")},
    ),
    Resource("project_user", "project_users", lists=(Route("/products/{parent}/users", "product"),)),
    Resource(
        "release_phase",
        "release_phases",
        "release_phase",
        (
            Route("/release_phases", filters=NO_FILTERS),
            Route("/releases/{parent}/release_phases", "release"),
        ),
        (Route("/release_phases/{id}"),),
        filters={"type": at_json("$.type")},
    ),
    Resource("deletion", "deletions", lists=(Route("/deletions"),)),
    Resource(
        "audit",
        "audits",
        lists=(Route("/audits"),),
        filters=CREATED
        | {
            "audit_action": at_json("$.audit_action"),
            "auditable_type": class_is("$.auditable_type"),
            "auditable_id": at_json("$.auditable_id"),
            "associated_type": class_is("$.associated_type"),
            "associated_id": at_json("$.associated_id"),
            "user_id": at_json("$.user.id"),
            "after_id": after_id,
        },
    ),
    Resource("historical_audit_index", "historical_audits", lists=(Route("/historical_audits"),)),
    Resource(
        "custom_field_definition",
        "custom_field_definitions",
        lists=(Route("/custom_field_definitions"),),
        paged=False,
    ),
    Resource(
        "option",
        "options",
        lists=(Route("/custom_field_definitions/{parent}/options", "custom_field_definition"),),
        paged=False,
    ),
    Resource(
        "custom_field_option",
        "custom_field_options",
        lists=(Route("/custom_field_definitions/{parent}/custom_field_options", "custom_field_definition"),),
        paged=False,
    ),
    Resource(
        "workflow",
        "workflows",
        "workflow",
        (Route("/products/{parent}/workflows", "product"),),
        (Route("/workflows/{id}"),),
        paged=False,
    ),
    Resource(
        "record_link",
        "record_links",
        "record_link",
        tuple(
            Route(f"/{kind}s/{{parent}}/record_links", kind)
            for kind in ("feature", "idea", "epic", "initiative", "goal", "requirement", "release")
        ),
        (Route("/record_links/{id}"),),
        paged=False,
    ),
    *(
        Resource(kind, f"{kind}s", lists=(Route(f"/{kind}s"),))
        for kind in ("team", "team_member", "strategy_model", "strategy_position", "strategy_vision")
    ),
    *(
        Resource(
            kind,
            f"{kind}s",
            kind,
            (Route(f"/products/{{parent}}/{kind}s", "product"),),
            (Route(f"/{kind}s/{{id}}"),),
            Form(stub),
            SEARCH,
        )
        for kind, stub in (("persona", MARKET_STUB), ("competitor", MARKET_STUB), ("page", PAGE_STUB))
    ),
    Resource("integration", "integrations", lists=(Route("/integrations"),), form=Form(INTEGRATION_STUB)),
    Resource(
        "custom_object_record",
        "custom_object_records",
        lists=(Route("/products/{parent}/custom_objects/{key}/records", "product"),),
        filters=CHANGED,
    ),
    *(Resource(path, path.rpartition("/")[2], lists=(Route(f"/{path}"),), paged=False) for path in UNPAGED),
)
