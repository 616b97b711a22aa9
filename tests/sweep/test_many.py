"""A long sweep does not wear its driver out (RELIABILITY T20)."""

import pytest

from benchmarks.sweep_cells import watch


@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_200_cells_leave_the_driver_as_it_was(count):
    measured = watch(200)
    assert len(measured.ends) == 200
    assert measured.memory[-1] - measured.memory[9] < 5e6
    assert min(measured.files[100:]) == min(measured.files[:100])  # it has one more while it writes a file
    assert measured.overhead < 1
    count("T20")
