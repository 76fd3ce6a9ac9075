from deploy.servers.places import places


def test_the_cache_follows_xdg_so_that_clones_share_what_was_built() -> None:
    assert str(places({"XDG_CACHE_HOME": "/elsewhere"}).cache) == "/elsewhere/aivis/servers"


def test_the_state_lies_in_the_clone() -> None:
    found = places({})
    assert found.state.name == ".servers"
    assert (found.state.parent / "pyproject.toml").exists()
