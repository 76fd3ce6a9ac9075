from aivis.modules.describing import describe
from aivis.modules.loader import parse_all
from tests.unit.aivis.modules.shop import TEXTS

LIBRARY = parse_all(TEXTS.items()).library


def test_a_fault_is_described_with_its_checks_remedies_and_arguments() -> None:
    said = describe(LIBRARY.modules["parcel_lost"])
    assert "Check shop.track(parcel: ticket.parcel): it is this when result.state == 'lost' (98% sure)" in said
    assert "Remedy (reversible, helps in 90%): shop.send(parcel: ticket.parcel, speed: ticket.speed)." in said


def test_a_procedure_is_described_step_by_step() -> None:
    said = describe(LIBRARY.modules["resend"]).splitlines()
    assert [line.split(":")[0] for line in said if line.startswith("Step")] == ["Step 1", "Step 2"]
    assert "Verify by shop.track(parcel: ticket.parcel): result.state == 'sent'." in said
