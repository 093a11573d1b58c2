"""The services of packaging/systemd don't take anything from each other: systemd removes the directory below /run of a service that stops with all that is
in it (RuntimeDirectoryPreserve= in systemd.exec(5)), so none may hold another one's, unless it is preserved."""

import house

UNITS = house.ROOT / "packaging" / "systemd"


def settings(unit):
    lines = (line.strip() for line in unit.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def main():
    units = {unit.name: settings(unit) for unit in sorted(UNITS.glob("*.service"))}
    findings = []
    for name, unit in units.items():
        for other, of_other in units.items():
            inside = of_other["RuntimeDirectory"].startswith(unit["RuntimeDirectory"] + "/")
            if inside and unit.get("RuntimeDirectoryPreserve") != "yes":
                findings.append(f"packaging/systemd/{name}: when it stops, the sockets of {other} are removed. Remedy: RuntimeDirectoryPreserve=yes")
    house.finish(findings, f"{len(units)} services leave each other alone")


main()
