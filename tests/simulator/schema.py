"""ONVIF's own schemas, from its WSDLs, as one lxml XMLSchema; and zeep clients on the same WSDLs.

The WSDLs carry their schemas inside; each is written to a file of its own and all are imported by one driver.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from lxml import etree

WSDL_DIR = Path(sys.prefix) / "onvif-specs" / "onvif" / "wsdl"
WSDLS = {
    "tds": WSDL_DIR / "ver10/device/wsdl/devicemgmt.wsdl",
    "trt": WSDL_DIR / "ver10/media/wsdl/media.wsdl",
    "tr2": WSDL_DIR / "ver20/media/wsdl/media.wsdl",
    "tev": WSDL_DIR / "ver10/events/wsdl/event.wsdl",
    "tptz": WSDL_DIR / "ver20/ptz/wsdl/ptz.wsdl",
    "timg": WSDL_DIR / "ver20/imaging/wsdl/imaging.wsdl",
    "tmd": WSDL_DIR / "ver10/deviceio.wsdl",
    "trc": WSDL_DIR / "ver10/recording.wsdl",
    "tse": WSDL_DIR / "ver10/search.wsdl",
    "trp": WSDL_DIR / "ver10/replay.wsdl",
}
_XS = "{http://www.w3.org/2001/XMLSchema}"


def _close_extension_points(schema: etree._Element) -> None:
    """Remove optional wildcards: libxml2 finds some of ONVIF's content models ambiguous with them.

    All that the recorder sends is in the schemas by name.
    """
    for wildcard in list(schema.iter(f"{_XS}any")):
        parent = wildcard.getparent()
        if wildcard.get("minOccurs") == "0" and parent is not None:
            parent.remove(wildcard)


def _own_copy(schema: etree._Element, folder: Path, home: Path, name: str) -> Path:
    """Write a schema into `folder`. Its references lead to copies in `folder`, otherwise to the original files."""
    _close_extension_points(schema)
    for reference in schema.iter(f"{_XS}import", f"{_XS}include"):
        location = reference.get("schemaLocation")
        if location:
            neighbour = (home / location).resolve()
            copied = folder / neighbour.name
            reference.set("schemaLocation", (copied if copied.exists() else neighbour).as_uri())
    target = folder / name
    target.write_bytes(etree.tostring(schema))
    return target


def _driver(folder: Path) -> Path:
    types = WSDL_DIR / "ver10/schema"
    _own_copy(etree.parse(types / "common.xsd").getroot(), folder, types, "common.xsd")
    onvif = _own_copy(etree.parse(types / "onvif.xsd").getroot(), folder, types, "onvif.xsd")
    imports = [
        ("http://www.w3.org/2003/05/soap-envelope", WSDL_DIR / "schema/common/soap-envelope"),
        ("http://www.onvif.org/ver10/schema", onvif),
        ("http://docs.oasis-open.org/wsn/b-2", WSDL_DIR / "schema/common/b-2.xsd"),
        ("http://www.w3.org/2005/08/addressing", WSDL_DIR / "schema/common/ws-addr.xsd"),
    ]
    for prefix, path in WSDLS.items():
        schema = next(etree.parse(path).iter(f"{_XS}schema"))
        target = _own_copy(schema, folder, path.parent, f"{prefix}.xsd")
        imports.append((schema.get("targetNamespace", ""), target))
    rows = "".join(f'<xs:import namespace="{name}" schemaLocation="{path.as_uri()}"/>' for name, path in imports)
    driver = folder / "all.xsd"
    driver.write_text(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{rows}</xs:schema>')
    return driver


@functools.cache
def onvif_schema(folder: Path) -> etree.XMLSchema:
    """One strict schema of all ONVIF schemas that the recorder's services use."""
    return etree.XMLSchema(etree.parse(_driver(folder), etree.XMLParser(no_network=True)))
