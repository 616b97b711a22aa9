"""The negative controls that need processes: what Lightning and Hydra do by themselves."""

import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.fault

LIGHTNING = """
import sys, time, lightning
from lightning.pytorch.demos.boring_classes import BoringModel
class Slow(BoringModel):
    def training_step(self, batch, index):
        print("step", flush=True); time.sleep(0.1)
        return super().training_step(batch, index)
lightning.Trainer(max_epochs=50, logger=False, enable_progress_bar=False, default_root_dir=sys.argv[1]).fit(Slow())
"""
HYDRA = """
import os, signal, sys
from pathlib import Path
import hydra
@hydra.main(config_path=None, version_base="1.3")
def main(config):
    if config.cell == 1:
        {fault}
    Path(f"done{{config.cell}}").touch()
main()
"""
FAULTS = {
    "exit 0": "os._exit(0)",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "interrupt": "raise KeyboardInterrupt",
}


def test_lightning_ends_with_exit_code_0_and_without_a_checkpoint_when_it_is_told_to_stop(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", LIGHTNING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while process.stdout.readline() != "step\n":
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 0
    assert list(tmp_path.rglob("*.ckpt")) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_hydra_loses_the_cells_behind_one_that_ends_badly(fault, tmp_path):
    (tmp_path / "app.py").write_text(HYDRA.format(fault=FAULTS[fault]))
    command = [sys.executable, "app.py", "-m", "+cell=0,1,2", "hydra.output_subdir=null", "hydra.sweep.dir=."]
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert not list(tmp_path.rglob("done2"))
