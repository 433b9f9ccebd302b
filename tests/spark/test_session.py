import sys
from pathlib import Path

import pytest

from vitrine.cli.main import run
from vitrine.errors import MissingExtraError, MissingProgramError, OptionError
from vitrine.spark.session import check_java, check_spark, defaults, read_conf


def test_settings_are_read_as_spark_writes_them():
    assert read_conf(["spark.a=b=c", "spark.d="]) == {"spark.a": "b=c", "spark.d": ""}
    for wrong in ("spark.a", "other=1"):
        with pytest.raises(OptionError, match=r"write it as spark\.key=value"):
            read_conf([wrong])


def test_one_machine_opens_no_port_to_others():
    local, cluster = defaults("local[2]"), defaults("spark://host:7077")
    assert local["spark.driver.bindAddress"] == "127.0.0.1"
    assert local["spark.ui.enabled"] == "false"
    assert "spark.driver.bindAddress" not in cluster
    assert 1024 <= int(local["spark.driver.memory"].removesuffix("m")) <= 4096


def fake_java(folder, says):
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return str(folder)


def test_a_missing_or_old_java_names_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MissingProgramError, match=r"there is no Java in .*openjdk-17"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", fake_java(tmp_path / "8", 'openjdk version "1.8.0_292"'))
    with pytest.raises(MissingProgramError, match="this is Java 8"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", fake_java(tmp_path / "21", 'openjdk version "21" 2023'))
    check_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="there is no Java;"):
        check_java()


def test_a_missing_extra_names_itself(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vitrine\[spark\]"'):
        check_spark()


def test_commands_say_what_is_missing(tmp_path, capsys):
    assert run(["spark", "embed", "photos", "-o", str(tmp_path / "out")]) == 2
    assert "--like SHOP" in capsys.readouterr().err
    assert run(["spark", "job"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text().startswith('"""The file to give')
