"""``assets``: the files of courses and libraries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from modulestore import AssetKey, Assets, CourseFile, FileVersion, Thumbnail, Upload
from modulestore.cli.asset_view import digests_of, print_files, print_versions, report_files, shown_file
from modulestore.cli.commands import Commands
from modulestore.cli.completing import course_keys
from modulestore.cli.output import print_json, progress_bar
from modulestore.cli.settings import Json, Key, open_store
from modulestore.errors import AssetNotFound, InvalidInput
from modulestore.keys import as_course_key, asset_name
from modulestore.model.file_listing import FileSort
from modulestore.upkeep.sizes import shown_bytes

__all__ = ["assets"]

assets = Commands(
    help="""The files of a course or library: pictures, documents, subtitles.

    Examples:
        modulestore assets list course-v1:Example+MS101+2026
        modulestore assets add course-v1:Example+MS101+2026 pictures/*.png --thumbnail
    """
)

_PIECE = 1 << 20
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a file, as `list` has it.")]
_Names = Annotated[list[str], typer.Argument(metavar="NAME", help="Names of files, as `list` has them.")]


@assets.command("list")
def list_(
    context: typer.Context,
    key: Key,
    contains: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only files with this in their name or display name.")
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only files whose type begins so: image/.")
    ] = None,
    locked: Annotated[
        bool | None, typer.Option("--locked/--unlocked", help="Only files that are locked, or are not.")
    ] = None,
    sort: Annotated[FileSort, typer.Option(help="What they are sorted by.")] = "name",
    descending: Annotated[bool, typer.Option("--descending", help="The last ones first.")] = False,
    json: Json = False,
) -> None:
    """List the files of a course.

    Examples:
        modulestore assets list course-v1:Example+MS101+2026
        modulestore assets list course-v1:Example+MS101+2026 --content-type image/ --sort length --descending
    """
    with open_store(context, must_exist=True) as store:
        files = store.assets.list(
            key,
            name_contains=contains,
            content_type=content_type,
            locked=locked,
            sort=sort,
            descending=descending,
        )
    print_files(files, json)


@assets.command("add")
def add(
    context: typer.Context,
    key: Key,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files to store.")],
    name: Annotated[
        str | None, typer.Option(help="What the file is called; without it as the file on disk.")
    ] = None,
    display_name: Annotated[str | None, typer.Option(help="The name that authors see.")] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="MIME type; without it what the name says.")
    ] = None,
    locked: Annotated[
        bool | None,
        typer.Option(
            "--locked/--unlocked",
            help="For enrolled learners and staff only, or not; without either as it was, or not.",
        ),
    ] = None,
    thumbnail: Annotated[
        bool, typer.Option("--thumbnail", help="Make thumbnails of pictures, 128 by 128 at most.")
    ] = False,
    json: Json = False,
) -> None:
    """Store files in a course. One of the same name is replaced: `assets history` lists what was.

    Examples:
        modulestore assets add course-v1:Example+MS101+2026 pictures/*.png --thumbnail
        modulestore assets add course-v1:Example+MS101+2026 draft-7.pdf --name syllabus.pdf --locked
    """
    if len(paths) > 1 and not (name is None and display_name is None):
        raise InvalidInput(
            "only one file can have this name", hint="give one PATH with --name, --display-name"
        )
    if folders := [path for path in paths if path.is_dir()]:
        raise InvalidInput("this is a folder, not a file", place=str(folders[0]), hint="name the files in it")
    uploads: list[Upload] = []
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        for number, path in enumerate(paths):
            progress("adding files", number, len(paths))
            upload = store.assets.put(
                key,
                path.name if name is None else name,
                path,
                content_type=content_type,
                display_name=display_name,
                locked=locked,
                thumbnail=Thumbnail() if thumbnail else None,
            )
            uploads.append(upload)
    if json:
        print_json([{**shown_file(upload.file), "problem": upload.problem} for upload in uploads])
        return
    for upload in uploads:
        print(f"added {upload.file.key.name}, {shown_bytes(upload.file.length)}")
        if upload.problem is not None:
            print(f"  without a thumbnail: {upload.problem}")


@assets.command("get")
def get(
    context: typer.Context,
    key: Key,
    name: _Name,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; without it, NAME here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write the bytes of a file to one on disk.

    Examples:
        modulestore assets get course-v1:Example+MS101+2026 tide-curve.svg -o curve.svg
    """
    asset = _asset(key, name)
    dest = Path(asset.name) if out is None else out
    with open_store(context, must_exist=True) as store:
        file = store.assets.stat(asset)
        _write(store.assets, file, dest, "wb" if force else "xb")
    if json:
        print_json({**shown_file(file), "file": str(dest)})
        return
    print(f"{dest}: {shown_bytes(file.length)}")


@assets.command("lock")
def lock(context: typer.Context, key: Key, names: _Names, json: Json = False) -> None:
    """Let only enrolled learners and staff have files.

    Examples:
        modulestore assets lock course-v1:Example+MS101+2026 example-haven-september.csv
    """
    with open_store(context, must_exist=True) as store:
        report_files("locked", [store.assets.lock(_asset(key, name)) for name in names], json)


@assets.command("unlock")
def unlock(context: typer.Context, key: Key, names: _Names, json: Json = False) -> None:
    """Let everybody have files.

    Examples:
        modulestore assets unlock course-v1:Example+MS101+2026 example-haven-september.csv
    """
    with open_store(context, must_exist=True) as store:
        report_files("unlocked", [store.assets.unlock(_asset(key, name)) for name in names], json)


@assets.command("rename")
def rename(
    context: typer.Context,
    key: Key,
    name: _Name,
    display_name: Annotated[
        str, typer.Argument(metavar="DISPLAY_NAME", help="The name that authors see from now on.")
    ],
    json: Json = False,
) -> None:
    """Give a file another display name. Its own name, which links go by, stays.

    Examples:
        modulestore assets rename course-v1:Example+MS101+2026 example-haven-september.csv "Tides"
    """
    with open_store(context, must_exist=True) as store:
        file = store.assets.rename(_asset(key, name), display_name)
    if json:
        print_json(shown_file(file))
        return
    print(f"{file.key.name} is shown as {file.display_name}")


@assets.command("delete")
def delete(context: typer.Context, key: Key, names: _Names, json: Json = False) -> None:
    """Put files into the trash. `assets restore` takes them out, until they are pruned.

    Examples:
        modulestore assets delete course-v1:Example+MS101+2026 harbour-de.srt spring-tide-en.srt
    """
    with open_store(context, must_exist=True) as store:
        report_files("deleted", [store.assets.delete(_asset(key, name)) for name in names], json)


@assets.command("trash")
def trash(context: typer.Context, key: Key, json: Json = False) -> None:
    """List files that were deleted and can be restored.

    Examples:
        modulestore assets trash course-v1:Example+MS101+2026
    """
    with open_store(context, must_exist=True) as store:
        versions = store.assets.trash(key)
    print_versions(versions, "deleted_on", json)


@assets.command("restore")
def restore(
    context: typer.Context,
    key: Key,
    name: _Name,
    digest: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="Of its history, as it begins; without it, from the trash."),
    ] = None,
    json: Json = False,
) -> None:
    """Take a file out of the trash, or let it be again what it was.

    Examples:
        modulestore assets restore course-v1:Example+MS101+2026 harbour-de.srt
        modulestore assets restore course-v1:Example+MS101+2026 syllabus.pdf --digest 9f86d081
    """
    asset = _asset(key, name)
    with open_store(context, must_exist=True) as store:
        what = asset if digest is None else _version(store.assets.history(asset), digest)
        file = store.assets.restore(what)
    report_files("restored", [file], json)


@assets.command("history")
def history(context: typer.Context, key: Key, name: _Name, json: Json = False) -> None:
    """List what a name has stood for, the newest first.

    A database with a platform's files remembers the last only.

    Examples:
        modulestore assets history course-v1:Example+MS101+2026 syllabus.pdf
    """
    with open_store(context, must_exist=True) as store:
        versions = store.assets.history(_asset(key, name))
    print_versions(versions, "ended_on", json)


@assets.command("copy")
def copy(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Key of the course that has them.", autocompletion=course_keys),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="Key of the course that gets them.", autocompletion=course_keys
        ),
    ],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Names of files; without any, all.")
    ] = None,
    json: Json = False,
) -> None:
    """Let another course have files too. No bytes leave the database.

    Examples:
        modulestore assets copy course-v1:Example+MS101+2026 course-v1:Example+MS102+2027 tide-curve.svg
    """
    with open_store(context, must_exist=True) as store:
        wanted = [asset_name(name) for name in names] if names else None
        files = store.assets.copy(source, target, names=wanted)
    report_files("copied", [file for file in files if file.key.type == "asset"], json)


@assets.command("unused")
def unused(context: typer.Context, key: Key, json: Json = False) -> None:
    """List the files that nothing speaks of: neither the draft nor the published course, nor a file that one
    of them uses. What may be used is not listed.

    Examples:
        modulestore assets unused course-v1:Example+MS101+2026
    """
    with open_store(context, must_exist=True) as store:
        files = [file for file in store.assets.unused(key) if file.key.type == "asset"]
    print_files(files, json)


def _asset(key: str, name: str) -> AssetKey:
    return as_course_key(key).bare.asset(asset_name(name))


def _version(versions: Sequence[FileVersion], digest: str) -> FileVersion:
    for version in versions:
        if digest and any(found.startswith(digest.lower()) for found in digests_of(version.file)):
            return version
    raise AssetNotFound(
        f"it never had a digest that begins with {digest!r}",
        place=str(versions[0].file.key),
        hint="`modulestore assets history` lists what it has been",
    )


def _write(store_assets: Assets, file: CourseFile, dest: Path, mode: str) -> None:
    try:
        with dest.open(mode) as out:
            try:
                for at in range(0, file.length, _PIECE):
                    out.write(store_assets.fetch(file, at, min(at + _PIECE, file.length)))
            except BaseException:
                dest.unlink()
                raise
    except FileExistsError:
        raise InvalidInput("is there already", place=str(dest), hint="--force overwrites it") from None
    except OSError as error:
        raise InvalidInput(
            f"cannot be written: {error.strerror or error}", place=str(dest), hint="-o says where to"
        ) from error
