"""Who works in the account."""

from connector.tables.declaration import Route, Source, Table
from connector.tables.types import COUNT, CUSTOM_FIELD, FLAG, TEXT, WORKSPACE, listing, struct, table_schema

PEOPLE = (
    Table(
        "users",
        table_schema(
            id=TEXT,
            name=TEXT,
            email=TEXT,
            timezone=TEXT,
            created_at=TEXT,
            updated_at=TEXT,
            accessed_at=TEXT,
            product_roles=listing(
                struct(role=COUNT, role_description=TEXT, product_id=TEXT, product_name=TEXT)
            ),
            user_roles=listing(struct(id=TEXT, name=TEXT)),
            enabled=FLAG,
            paid_seat=FLAG,
            roadmaps_seat=FLAG,
            develop_seat=FLAG,
            teamwork_seat=FLAG,
            administrator=FLAG,
            administrator_roles=struct(
                administer_account=FLAG, administer_billing=FLAG, administer_configuration=FLAG
            ),
            identity_provider=struct(type=TEXT, id=TEXT, name=TEXT),
            paid_seat_group=struct(id=TEXT, name=TEXT),
        ),
        Source(Route("/users", "users")),
        requires="a user who may administer the account",
        note="Users with their seats, and their role in each workspace. Whether signing in (`accessed_at`) "
        "moves `updated_at` is not documented: take `sync_mode=snapshot` where that matters.",
    ),
    Table(
        "teams",
        table_schema(
            id=TEXT,
            name=TEXT,
            team_members_count=COUNT,
            automatically_calculate_team_members_count=FLAG,
            capacity=TEXT,
            hourly_rate=TEXT,
            color=TEXT,
            start_date=TEXT,
            end_date=TEXT,
            project=WORKSPACE,
            schedule=struct(id=TEXT, name=TEXT, hours_per_day=TEXT, story_points_per_day=TEXT, velocity=TEXT),
            custom_fields=listing(CUSTOM_FIELD),
            team_members=TEXT,
        ),
        Source(Route("/teams", "teams", fields=True)),
        time=None,
        json_text=("team_members",),
        workspace="project",
        requires="Enterprise+ with capacity planning",
        note="Teams of capacity planning. `team_members` is JSON text: Aha! answers an object, where one "
        "expects a list.",
    ),
    Table(
        "team_members",
        table_schema(id=TEXT, name=TEXT, email=TEXT, user_id=TEXT, virtual=FLAG),
        Source(Route("/team_members", "team_members")),
        time=None,
        requires="Enterprise+ with capacity planning",
        note="Members of teams, virtual ones included.",
    ),
)
