"""PostgreSQL: a cluster of our own by initdb, with a role `aivis` that row-level security binds.

PostgreSQL refuses to run as root: started by root it runs as `postgres` (or `nobody`), and where that user cannot reach
the clone, its data goes to a folder of its own that `.servers/postgres/place` names.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from deploy.servers.launches import Launch, Ports, Say, Server
from deploy.servers.places import Places
from deploy.servers.ports import LOOPBACK
from deploy.servers.prerequisites import postgres_folder
from deploy.servers.processes import Command

# CREATEDB lets a test have a database of its own. Not a superuser and no BYPASSRLS: policies bind it.
_ROLE = """
SET password_encryption = 'scram-sha-256';
SELECT 'CREATE ROLE aivis' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'aivis') \\gexec
ALTER ROLE aivis LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS NOCREATEROLE PASSWORD '{password}';
SELECT 'CREATE DATABASE aivis OWNER aivis' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'aivis') \\gexec
"""


def _check(places: Places) -> None:
    postgres_folder()


def _fetch(places: Places, say: Say) -> None:
    """Nothing: PostgreSQL comes from the system's packages."""


def _launch(places: Places, ports: Ports) -> Launch:
    programs, user = postgres_folder(), _user()
    home = _home(places, user)
    data, passwords = home / "data", _passwords(places)
    if not (data / "PG_VERSION").exists():
        _initialise(programs, home, user, passwords["postgres"])
    settings = {
        "port": str(ports[0]),
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "max_connections": "200",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Launch(
        Command([str(programs / "postgres"), "-D", str(data), *options], home, {"LC_ALL": "C"}, user),
        ready=lambda: _ready(programs, ports[0]),
        environment={"AIVIS_TEST_POSTGRES": f"postgresql://aivis:{passwords['aivis']}@{LOOPBACK}:{ports[0]}/aivis"},
        prepare=lambda: _make_role(programs, home, ports[0], passwords),
    )


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _home(places: Places, user: str | None) -> Path:
    """A folder that `user` owns and can reach; /root and private temporary folders cannot be passed through."""
    folder = places.of("postgres")
    if user is None:
        return folder
    place = folder / "place"
    if place.exists() and Path(place.read_text()).is_dir():
        return Path(place.read_text())
    home = folder / "cluster" if _can_reach(folder, user) else Path(tempfile.mkdtemp(prefix="aivis-postgres-"))
    home.mkdir(exist_ok=True)
    shutil.chown(home, user)
    place.write_text(str(home))
    return home


def _forget(places: Places) -> None:
    place = places.of("postgres") / "place"
    if place.exists():
        shutil.rmtree(place.read_text(), ignore_errors=True)


def _can_reach(folder: Path, user: str) -> bool:
    look = ["test", "-x", str(folder)]
    entry = pwd.getpwnam(user)
    done = subprocess.run(look, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", check=False)
    return done.returncode == 0


def _passwords(places: Places) -> dict[str, str]:
    """Each role's password, made once: loopback is open to every user of the machine."""
    found = {}
    for role in ("postgres", "aivis"):
        kept = places.of("postgres") / f"{role}.password"
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_hex(16))
        found[role] = kept.read_text()
    return found


def _initialise(programs: Path, home: Path, user: str | None, password: str) -> None:
    handed = home / "initial"
    handed.touch(mode=0o600)
    handed.write_text(password)
    if user is not None:
        shutil.chown(handed, user)
    identity = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={handed}"]
    form = ["--encoding=UTF8", "--no-locale", f"--pgdata={home}/data"]
    try:
        Command([str(programs / "initdb"), *identity, *form], home, {"LC_ALL": "C"}, user).run()
    finally:
        handed.unlink()


def _ready(programs: Path, port: int) -> bool:
    probe = [str(programs / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port)]
    return subprocess.run(probe, check=False).returncode == 0


def _make_role(programs: Path, home: Path, port: int, passwords: dict[str, str]) -> None:
    script = home / "role.sql"
    script.touch(mode=0o600)
    script.write_text(_ROLE.format(password=passwords["aivis"]))
    client = [str(programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
    target = {"PGHOST": LOOPBACK, "PGPORT": str(port), "PGUSER": "postgres", "PGPASSWORD": passwords["postgres"]}
    try:
        Command(client, home, {**target, "PGDATABASE": "postgres"}).run()
    finally:
        script.unlink()


# SIGINT is PostgreSQL's fast shutdown: it ends open sessions; SIGTERM would wait for them.
POSTGRES = Server("postgres", 1, _check, _fetch, _launch, ask=signal.SIGINT, forget=_forget)
