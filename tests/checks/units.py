"""What the services of packaging/systemd must not do, seen from their settings (systemd.exec(5)).

  - systemd removes the directory below /run of a service that stops with all that is in it (RuntimeDirectoryPreserve=), so none may hold another one's, unless
    it is preserved.
  - iflowd asks the kernel whether the clock is synchronised, by adjtimex(2). ProtectClock= and the group @clock block that call also where it only reads. The
    clock can't be set without capabilities."""

import house

UNITS = house.ROOT / "packaging" / "systemd"
READS_CLOCK = {"adjtimex", "clock_adjtime", "clock_adjtime64"}  # which one the C library calls depends on the machine


def settings(unit):
    """Name -> values, in their order."""
    values = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.strip().split("=", 1)
            values.setdefault(name, []).append(value)
    return values


def takes_sockets(units):
    for name, unit in units.items():
        for other, of_other in units.items():
            inside = of_other["RuntimeDirectory"][0].startswith(unit["RuntimeDirectory"][0] + "/")
            if inside and unit.get("RuntimeDirectoryPreserve") != ["yes"]:
                yield f"{name}: when it stops, the sockets of {other} are removed. Remedy: RuntimeDirectoryPreserve=yes"


def hides_clock(units):
    for name, unit in units.items():
        if unit.get("ProtectClock", ["no"]) != ["no"]:
            yield f"{name}: nobody can ask whether the clock is synchronised. Remedy: no ProtectClock=, but CapabilityBoundingSet= and PrivateDevices=yes"
        if not READS_CLOCK <= set(unit["SystemCallFilter"][-1].split()):
            yield f"{name}: the same by the system calls. Remedy: SystemCallFilter={' '.join(sorted(READS_CLOCK))} behind the others"
        if unit.get("CapabilityBoundingSet") != [""]:
            yield f"{name}: it can get capabilities, e.g. to set the clock. Remedy: CapabilityBoundingSet="


def main():
    units = {unit.name: settings(unit) for unit in sorted(UNITS.glob("*.service"))}
    findings = [f"packaging/systemd/{finding}" for finding in [*takes_sockets(units), *hides_clock(units)]]
    house.finish(findings, f"{len(units)} services leave each other alone and see the clock")


main()
