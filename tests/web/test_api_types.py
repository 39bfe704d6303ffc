"""The front end's types are those of the API."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

FRONTEND = Path(__file__).parents[2] / "frontend"
GENERATOR = FRONTEND / "node_modules" / ".bin" / "openapi-typescript"


@pytest.mark.skipif(
    shutil.which("node") is None or not GENERATOR.exists(),
    reason="no Node on the PATH, or the front end's packages are not installed: `make frontend`",
)
def test_the_types_of_the_front_end_are_generated_from_the_schema_of_today(tmp_path: Path) -> None:
    schema, types = tmp_path / "schema.json", tmp_path / "schema.ts"
    schema.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    subprocess.run([GENERATOR, schema, "-o", types], check=True, capture_output=True)
    committed = FRONTEND / "src" / "api" / "schema.ts"
    assert types.read_text() == committed.read_text(), "the API has changed: run scripts/api-types and commit"
