"""What can stop a migration, told apart by what the operator must do."""


class DatabaseUnreachable(Exception):  # noqa: N818 -- reads as what the database is
    """PostgreSQL did not answer; what was under way is rolled back."""


class DatabaseBusy(Exception):  # noqa: N818 -- reads as what the database is
    """Somebody held a lock, or a statement took too long: try again at a better moment."""


class MigrationFailed(Exception):  # noqa: N818 -- reads as what happened
    """A migration was refused and rolled back; those before it stay applied."""


class MigrationEdited(MigrationFailed):
    """An applied file is not what it was when it was applied; nothing was changed."""
