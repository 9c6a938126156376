"""What is taken for a mask, what is refused and in which words, and what is sent on."""

import base64
import binascii
import hashlib
import re
import struct
import zlib
from io import BytesIO
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tracker import masks
from tracker.errors import MaskRefused
from tracker.masks import Mask, from_base64, from_bytes

HALF = (0, 0, 127, 255)  # the left half of drawn()


def drawn(size: tuple[int, int] = (256, 256)) -> Image.Image:
    """A disc, a bar and a thick slanted stroke, white on black, without any grey."""
    image = Image.new("L", size)
    width, height = size
    draw = ImageDraw.Draw(image)
    draw.ellipse((width // 8, height // 8, width // 2, height // 2), fill=255)
    draw.rectangle((width * 5 // 8, height // 8, width * 7 // 8, height // 3), fill=255)
    draw.line((0, height - 1, width - 1, height * 5 // 8), fill=255, width=max(2, height // 20))
    return image


def half(mode: str = "L") -> Image.Image:
    """The left half white, the right half black."""
    image = Image.new("L", (256, 256))
    image.paste(255, (0, 0, 128, 256))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def sent(mask: Mask) -> Image.Image:
    image = Image.open(BytesIO(mask.png))
    image.load()
    return image


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()


def share_of_difference(one: Image.Image, other: Image.Image) -> float:
    return ImageChops.difference(one, other).histogram()[255] / (one.width * one.height)


def refusal(data: bytes | str) -> str:
    """The one message under `mask` with which `data` is refused."""
    with pytest.raises(MaskRefused) as caught:
        from_base64(data) if isinstance(data, str) else from_bytes(data)
    assert list(caught.value.errors) == ["mask"]
    (message,) = caught.value.errors["mask"]
    return message


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def header_only(width: int, height: int) -> bytes:
    """A tiny PNG that declares a size and holds next to nothing."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    idat = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + idat + chunk(b"IEND", b"")


def chunk_names(png: bytes) -> list[bytes]:
    names, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        names.append(png[at + 4 : at + 8])
        at += length + 12
    return names


def ramp(width: int, grey: int, height: int = 16) -> bytes:
    """Black, then `grey` columns of middle grey, then white."""
    image = Image.new("L", (width, height))
    image.paste(128, (width // 4, 0, width, height))
    image.paste(255, (width // 4 + grey, 0, width, height))
    return encoded(image)


PNG = encoded(drawn((64, 64)))
TEXT = base64.b64encode(PNG).decode()


# What is sent on


def test_a_drawn_mask_is_sent_pixel_by_pixel() -> None:
    """Pure black and white goes out as it came in."""
    assert same(sent(from_bytes(encoded(drawn()))), drawn())


def test_the_facts_are_about_the_bytes_as_they_were_sent() -> None:
    """The hash is of the caller's file and not of ours."""
    data = encoded(half(), "GIF")
    facts = from_bytes(data).facts
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert (facts.width, facts.height, facts.coverage) == (256, 256, 0.5)


def test_one_white_pixel_in_a_million_still_shows_in_the_coverage() -> None:
    """Six places: with four, it would read as nothing to repaint."""
    image = Image.new("L", (1024, 1024))
    image.putpixel((500, 500), 255)
    assert from_bytes(encoded(image)).facts.coverage == 0.000001


def test_an_all_white_mask_repaints_everything() -> None:
    """Only something white is demanded."""
    assert from_bytes(encoded(Image.new("L", (64, 64), 255))).facts.coverage == 1


def test_a_one_bit_mask_is_sent_with_eight_bits() -> None:
    """A reader that compares the numbers 0 and 1 with 127 would keep everything."""
    image = sent(from_bytes(encoded(half("1"))))
    assert image.mode == "L"
    assert image.getextrema() == (0, 255)


def test_nothing_but_pixels_is_sent_on() -> None:
    """Profiles, texts, transparency and Exif of the original stay here."""
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = encoded(half(), icc_profile=b"profile", exif=exif, transparency=7, dpi=(72, 72))
    assert set(chunk_names(from_bytes(data).png)) == {b"IHDR", b"IDAT", b"IEND"}


def test_the_same_bytes_give_the_same_png() -> None:
    """The upstream Idempotency-Key is bound to the exact body."""
    data = encoded(drawn(), "WEBP", quality=80)
    assert from_bytes(data) == from_bytes(data)


def test_the_densest_mask_of_the_largest_size_still_fits_upstream() -> None:
    """Noise of pure black and white has no runs; its bytes per pixel times the most pixels stay below the limit."""
    noise = Image.frombytes("1", (1024, 1024), Random(1).randbytes(1024 * 128))
    png = from_bytes(encoded(noise)).png
    assert len(png) / 1024**2 * masks.MAX_PIXELS < masks.MAX_BYTES


# Formats and modes


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_every_png_mode_reads_the_same(mode: str) -> None:
    """How a program stores black and white does not matter."""
    assert same(sent(from_bytes(encoded(half(mode)))), half())


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    """0x0100 is nearly black, although it is above 255."""
    row = struct.pack("<64H", *[0xFF00] * 32, *[0x0100] * 32)
    image = Image.frombytes("I;16", (64, 64), row * 64)
    assert from_bytes(encoded(image)).facts.coverage == 0.5


def test_a_palette_with_a_transparent_colour_keeps_what_is_transparent() -> None:
    """A GIF or PNG-8 stroke on nothing."""
    image = half("P")
    white = image.getpixel((0, 0))
    with_key = encoded(image, "PNG", transparency=255 - int(str(white)))
    assert same(sent(from_bytes(with_key)), half())


def test_a_transparent_key_in_a_grey_png_counts_as_black() -> None:
    """White that is declared transparent marks nothing."""
    assert "Nothing in the mask is white" in refusal(encoded(half(), transparency=255))


def test_strokes_on_transparency_are_laid_over_black() -> None:
    """What a canvas exports: white strokes, all else transparent, whatever colour lies beneath."""
    image = Image.new("RGBA", (256, 256), (255, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 128, 256))
    assert same(sent(from_bytes(encoded(image))), half())


def test_a_half_transparent_stroke_is_grey() -> None:
    """Half-transparent white says neither repaint nor keep."""
    image = Image.new("RGBA", (256, 256))
    image.paste((255, 255, 255, 128), HALF)
    assert "neither black nor white" in refusal(encoded(image))


@pytest.mark.parametrize(
    ("quality", "size"),
    [(75, (40, 40)), (75, (64, 64)), (75, (100, 80)), (95, (256, 256)), (75, (256, 256)), (30, (1024, 768))],
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_lossy_mask_is_cleaned(kind: str, quality: int, size: tuple[int, int]) -> None:
    """Ringing around the edges is snapped; hardly a pixel ends on the wrong side."""
    cleaned = sent(from_bytes(encoded(drawn(size), kind, quality=quality)))
    assert share_of_difference(cleaned, drawn(size)) < 0.005


def test_a_lossless_webp_is_exact() -> None:
    """WebP need not be lossy."""
    assert same(sent(from_bytes(encoded(drawn(), "WEBP", lossless=True))), drawn())


def test_a_colour_jpeg_of_a_mask_is_no_colour() -> None:
    """Three channels that agree are grey, rounding and subsampling included."""
    cleaned = sent(from_bytes(encoded(drawn().convert("RGB"), "JPEG", quality=75)))
    assert share_of_difference(cleaned, drawn()) < 0.005


def test_a_cmyk_jpeg_is_understood() -> None:
    """Some print programs know nothing else."""
    cleaned = sent(from_bytes(encoded(drawn().convert("RGB").convert("CMYK"), "JPEG", quality=90)))
    assert share_of_difference(cleaned, drawn()) < 0.005


def test_a_phone_orientation_is_applied() -> None:
    """Exif 6 means: turn it clockwise to see it upright; width and height are those that people see."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = drawn((256, 128))
    mask = from_bytes(encoded(lying, exif=exif))
    assert (mask.facts.width, mask.facts.height) == (128, 256)
    assert same(sent(mask), lying.transpose(Image.Transpose.ROTATE_270))


def test_a_jpeg_with_an_embedded_preview_is_one_picture() -> None:
    """Phones append a second picture (MPO), which is no animation."""
    data = encoded(half(), "MPO", save_all=True, append_images=[half().resize((32, 32))])
    assert from_bytes(data).facts.coverage == 0.5


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_spoil_a_mask() -> None:
    """The pixels are whole, and that is what counts."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"
    assert from_bytes(encoded(half(), "JPEG", exif=exif)).facts.width == 256


# Black and white, judged


@pytest.mark.parametrize("radius", [1, 2, 6])
def test_a_feathered_mask_is_snapped_at_the_middle(radius: int) -> None:
    """A soft brush is accepted and loses its softness."""
    feathered = drawn((1024, 1024)).filter(ImageFilter.GaussianBlur(radius))
    assert same(sent(from_bytes(encoded(feathered))), feathered.point(lambda v: 255 if v >= 128 else 0))


def test_thin_antialiased_strokes_are_accepted() -> None:
    """Lines three pixels wide have more edge than core."""
    large = Image.new("L", (2048, 2048))
    for x in range(100, 1900, 200):
        ImageDraw.Draw(large).line((x, 100, 2000 - x, 1900), fill=255, width=12)
    assert from_bytes(encoded(large.resize((512, 512), Image.Resampling.LANCZOS))).facts.coverage > 0.01


def test_an_enlarged_mask_is_accepted() -> None:
    """A model's 64 x 64 mask, brought to the picture's size with soft steps in between."""
    large = drawn((64, 64)).resize((1024, 1024), Image.Resampling.BICUBIC)
    assert from_bytes(encoded(large)).facts.width == 1024


def test_nearly_black_and_nearly_white_are_black_and_white() -> None:
    """31 and 224 are the last that count, wherever they are."""
    image = Image.new("L", (256, 256), 31)
    image.paste(224, (0, 0, 128, 256))
    assert same(sent(from_bytes(encoded(image))), half())


@pytest.mark.parametrize(("width", "edge"), [(64, 4), (128, 4), (512, 16), (1024, 32), (8000, 250), (8192, 250)])
def test_a_soft_edge_may_be_a_thirty_second_wide_and_not_a_pixel_more(width: int, edge: int) -> None:
    """At least 4 pixels and at most 250; the message names the width."""
    from_bytes(ramp(width, edge))
    message = refusal(ramp(width, edge + 1))
    assert message.startswith(f"32 of {16 * width:,} pixels")
    assert f"x={width // 4}, y=0 with the value 128" in message
    assert f"up to {edge} pixels wide" in message


def test_the_border_of_the_picture_is_neither_black_nor_white() -> None:
    """Grey along the border with white beside it has no black near, and is no edge."""
    image = Image.new("L", (256, 256), 255)
    image.paste(100, (0, 0, 3, 256))
    image.paste(0, (200, 0, 256, 256))
    assert refusal(encoded(image)).startswith("768 of 65,536 pixels (1.17%)")


def test_a_handful_of_stray_pixels_is_forgiven() -> None:
    """One in ten thousand: 104 of a million are dust, 105 are a reason to ask."""
    image = half().resize((1024, 1024))
    for n in range(104):
        image.putpixel((700 + n % 20 * 10, 100 + n // 20 * 10), 100)
    assert from_bytes(encoded(image)).facts.coverage == 0.5
    image.putpixel((1000, 1000), 100)
    assert refusal(encoded(image)).startswith("105 of 1,048,576 pixels (0.01%)")


def test_uniform_grey_is_refused_with_an_example() -> None:
    """How many, where, which value, what to do."""
    assert refusal(encoded(Image.new("L", (100, 50), 90))) == (
        "5,000 of 5,000 pixels (100.00%) are neither black nor white, for example the one at x=0, y=0 with the "
        "value 90: threshold the mask to 0 and 255; only soft edges between black and white, up to 4 pixels wide "
        "and in all at most 50% of the mask, may be grey."
    )


def photo() -> Image.Image:
    """Noise on several scales, in colour, as a photograph has it."""
    image = Image.new("RGB", (256, 256))
    for scale in (8, 32, 256):
        bands = [Image.effect_noise((scale, scale), 120).resize(image.size) for _ in range(3)]
        image = Image.blend(image, Image.merge("RGB", bands), 0.5)
    return image


def two_colours() -> Image.Image:
    image = Image.new("RGB", (256, 256), (0, 0, 255))  # as dark as near-black
    image.paste((255, 0, 0), (0, 0, 128, 256))
    return image


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(photo(), id="photo"),
        pytest.param(photo().convert("L"), id="grey photo"),
        pytest.param(Image.effect_noise((256, 256), 60), id="fine noise"),
        pytest.param(Image.frombytes("L", (256, 256), Random(1).randbytes(65536)), id="even noise"),
        pytest.param(Image.linear_gradient("L"), id="gradient"),
        pytest.param(Image.radial_gradient("L"), id="vignette"),
        pytest.param(two_colours(), id="red and blue"),
    ],
)
def test_a_picture_is_no_mask(image: Image.Image) -> None:
    """Refused as it is, as a JPEG and as a WebP."""
    for kind in ("PNG", "JPEG", "WEBP"):
        assert "neither black nor white" in refusal(encoded(image, kind))


def test_a_thin_coloured_line_is_no_soft_edge() -> None:
    """An editor's red outline around the white says nothing about repainting; the value is shown in colour."""
    image = half("RGB")
    image.paste((255, 0, 0), (128, 0, 130, 256))
    assert "x=128, y=0 with the value (255, 0, 0)" in refusal(encoded(image))


@given(st.integers(8, 14), st.integers(8, 14), st.data())
@settings(max_examples=150, deadline=None)
def test_soft_edges_are_exactly_what_their_definition_says(width: int, height: int, data: st.DataObject) -> None:
    """Compared with the definition spelled out pixel by pixel; no strays are forgiven below 10,000 pixels."""
    some = st.lists(st.integers(0, width * height - 1), max_size=25)
    pixels = bytearray(width * height)
    for value, places in ((255, data.draw(some)), (128, data.draw(some))):
        for place in places:
            pixels[place] = value

    def near(place: int, value: int) -> bool:
        x, y = place % width, place // width
        columns, rows = range(max(0, x - 4), min(width, x + 5)), range(max(0, y - 4), min(height, y + 5))
        return any(pixels[row * width + column] == value for row in rows for column in columns)

    grey = [place for place, value in enumerate(pixels) if value == 128]
    strays = [place for place in grey if not (near(place, 0) and near(place, 255))]
    image = encoded(Image.frombytes("L", (width, height), bytes(pixels)))
    if strays:
        assert refusal(image).startswith(f"{len(strays)} of {width * height} pixels")
    elif max(pixels) < 128:
        assert "Nothing in the mask is white" in refusal(image)
    else:
        assert from_bytes(image).facts.coverage == round(sum(v >= 128 for v in pixels) / len(pixels), 6)


@pytest.mark.parametrize(("value", "lightest"), [(0, 0), (1, 1), (31, 31)])
def test_nothing_white_is_refused_with_the_lightest_value(value: int, lightest: int) -> None:
    """A mask of the numbers 0 and 1 shows itself."""
    image = Image.new("L", (64, 64))
    image.paste(value, (0, 0, 32, 64))
    assert f"its lightest pixel is {lightest} of 255" in refusal(encoded(image))


# Files that are no masks


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"hello, I am a mask", "'hello, I'"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>', "'<svg xml'"),
        (b"%PDF-1.7 and so on", "'%PDF-1.7'"),
        (encoded(half(), "TIFF"), f"the bytes {encoded(half(), 'TIFF')[:8].hex(' ')}"),
        (base64.b64encode(encoded(half())), "'iVBORw0K', the base64 of an image: as a file, send the image itself"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_first_bytes(data: bytes, shown: str) -> None:
    """The message shows them, so that a path or a text is recognised."""
    assert refusal(data) == (f"The mask begins with {shown}: it is no PNG, JPEG, WebP or GIF; send one of these.")


def test_an_empty_file_is_refused() -> None:
    """An upload field without a file."""
    assert refusal(b"").startswith("The mask is empty")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    """Half a file is no mask, even where a viewer would show half of it."""
    data = encoded(drawn(), kind)
    message = refusal(data[: len(data) // 2])
    assert message.startswith(f"The {kind} cannot be read")
    assert f"{len(data) // 2:,} bytes" in message


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_an_animation_is_refused(kind: str) -> None:
    """Which of its frames would be the mask?"""
    data = encoded(half(), kind, save_all=True, append_images=[half().rotate(90)], duration=100)
    assert refusal(data) == f"The {kind} is animated: send a mask of one frame."


@pytest.mark.parametrize("size", [(30_000, 30_000), (10_000, 10_000), (2**31 - 1, 2**31 - 1), (8193, 8), (7, 64)])
def test_insane_dimensions_are_refused_before_a_pixel_is_decoded(size: tuple[int, int]) -> None:
    """A bomb of a hundred bytes costs nothing, and no warning of Pillow's escapes."""
    assert refusal(header_only(*size)).startswith(f"The mask is {size[0]} x {size[1]} pixels:")


def test_the_number_of_pixels_has_its_own_limit() -> None:
    """8192 x 4096 are exactly enough, one more row is too much."""
    assert "cannot be read" in refusal(header_only(8192, 4096))
    assert "8192 x 4097 pixels" in refusal(header_only(8192, 4097))


def test_a_jpeg_of_ten_thousand_empty_scans_is_refused_before_it_is_read() -> None:
    """Each of them would go over all pixels again: 8 MB of them are minutes of a processor."""
    jpeg = encoded(drawn(), "JPEG", progressive=True)
    scan = jpeg[(start := jpeg.index(b"\xff\xda")) : jpeg.index(b"\xff\xc4", start)]
    assert from_bytes(jpeg[:-2] + scan * 200 + jpeg[-2:]).png == from_bytes(jpeg).png
    assert refusal(jpeg[:-2] + scan * 10_000 + jpeg[-2:]).startswith("The JPEG has 10,")


@pytest.mark.parametrize("size", [(8, 8), (8192, 8), (8, 8192)])
def test_the_smallest_and_the_longest_are_accepted(size: tuple[int, int]) -> None:
    """The limits themselves are inside."""
    facts = from_bytes(encoded(Image.new("L", size, 255))).facts
    assert (facts.width, facts.height) == size


def test_the_limit_of_bytes_is_exact() -> None:
    """What lies behind the end of a PNG is ignored, but it counts."""
    full = PNG + b"\0" * (masks.MAX_BYTES - len(PNG))
    assert from_bytes(full).facts.width == 64
    assert refusal(full + b"\0").startswith("The mask has 8,000,001 bytes, and 8,000,000 is the limit")


# Base64


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="plain"),
        pytest.param(base64.encodebytes(PNG).decode(), id="wrapped at 76"),
        pytest.param(base64.encodebytes(PNG).decode().replace("\n", "\r\n"), id="wrapped by Windows"),
        pytest.param(f"\n  {TEXT}\t", id="surrounded by blanks"),
        pytest.param(TEXT.rstrip("="), id="without padding"),
        pytest.param(base64.urlsafe_b64encode(PNG).decode(), id="URL-safe"),
        pytest.param(f"data:image/png;base64,{TEXT}", id="data URL"),
        pytest.param(f"DATA:IMAGE/PNG;BASE64,{TEXT}", id="upper case"),
        pytest.param(f"data:image/png;charset=utf-8;base64,{TEXT}", id="with a parameter"),
        pytest.param(f"data:image/jpeg;base64,{TEXT}", id="wrongly declared"),
        pytest.param(f"data:;base64,\n{TEXT}", id="without a type"),
    ],
)
def test_base64_is_read_however_it_is_written(text: str) -> None:
    """All of these say the same bytes, and are the same mask."""
    assert from_base64(text) == from_bytes(PNG)


@pytest.mark.parametrize("missing", [1, 2])
def test_padding_is_optional_for_every_length(missing: int) -> None:
    """One or two signs may be missing at the end."""
    data = PNG + b"\0" * ((-missing - len(PNG)) % 3)
    text = base64.b64encode(data).decode()
    assert text.endswith("=" * missing)
    assert from_base64(text.rstrip("=")) == from_base64(text) == from_bytes(data)


@given(st.text('AQz9+/-_ \n=\\"u0041\0\u00fc', max_size=12))
def test_the_quick_reader_of_base64_takes_and_gives_what_pythons_does(text: str) -> None:
    """Also where JSON, which it reads, would have another way of writing a digit."""
    written = text.encode()
    digits = masks._digits(written)
    digits += b"=" * (-len(digits) % 4)
    try:
        expected = binascii.a2b_base64(digits, strict_mode=True)
    except binascii.Error:
        with pytest.raises(binascii.Error):
            masks._unpacked(written)
    else:
        assert masks._unpacked(written) == expected


@pytest.mark.parametrize("text", ["", "  \n", "====", "data:image/png;base64,", "data:image/png;base64,\n"])
def test_an_empty_text_is_refused(text: str) -> None:
    """Nothing, blanks and a prefix alone are all empty."""
    assert refusal(text).startswith("The mask is empty")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param(f"{TEXT[:76]}%0A{TEXT[76:]}", "character 77 of {} is '%'", id="URL-escaped line break"),
        pytest.param(f'"{TEXT}"', "character 1 of {} is '\"'", id="quoted"),
        pytest.param(f"data:image/png;base64,{TEXT[:4]}!", "character 27 of {} is '!'", id="after a prefix"),
        pytest.param(f"{TEXT[:40]}\n\n{TEXT[40:50]}…", "character 53 of {} is '…'", id="after line breaks"),
        pytest.param(f"{TEXT[:8]}\ud800", "character 9 of {} is '\\ud800'", id="half a surrogate pair"),
        pytest.param(f"{TEXT[:8]}\0", "character 9 of {} is '\\x00'", id="NUL"),
        pytest.param("QQ==\nQQ==", "character 6 of {} is 'Q'", id="two texts in one"),
        pytest.param("@mask.png", "character 1 of {} is '@'", id="file name for curl"),
        pytest.param("https://example.com/mask.png", "character 6 of {} is ':'", id="address"),
        pytest.param("data:image/svg+xml;utf8,<svg/>", "character 5 of {} is ':'", id="data URL without base64"),
    ],
)
def test_what_is_not_base64_is_refused_with_its_place(text: str, place: str) -> None:
    """Counted from 1 in the text as it was sent; the message can be printed whatever the character is."""
    message = refusal(text)
    assert place.format(f"{len(text):,}") in message
    assert message.encode()


def test_base64_cut_within_a_group_is_refused() -> None:
    """4n + 1 digits stand for no bytes at all."""
    assert refusal(TEXT[:41]).startswith("The base64 text was cut short: 41 digits")


def test_base64_cut_between_groups_is_a_damaged_file() -> None:
    """The base64 is fine then, and the picture is not."""
    assert refusal(TEXT[:40]).startswith("The PNG cannot be read")


def test_the_limit_of_characters_is_exact() -> None:
    """Line breaks count, since they are sent."""
    full = TEXT + "\n" * (masks.MAX_CHARS - len(TEXT))
    assert from_base64(full) == from_bytes(PNG)
    assert refusal(full + "\n").startswith("The base64 text has 12,000,001 characters, and 12,000,000 is the limit")


def test_the_bytes_have_the_tighter_limit() -> None:
    """Few enough characters can still be too many bytes."""
    text = base64.b64encode(PNG + b"\0" * (masks.MAX_BYTES + 1 - len(PNG))).decode()
    assert len(text) < masks.MAX_CHARS
    assert refusal(text).startswith("The mask has 8,000,001 bytes")


# Whatever comes

WHOLE = [
    PNG,
    encoded(drawn((64, 64)).convert("P")),
    encoded(drawn((64, 64)).convert("RGBA"), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    encoded(drawn((64, 64)), "JPEG"),
    encoded(drawn((64, 64)), "WEBP"),
    encoded(drawn((64, 64)), "WEBP", lossless=True),
    encoded(drawn((64, 64)), "GIF"),
]


def settled(data: bytes) -> None:
    """Either a mask that reads well or a refusal in words."""
    try:
        mask, message = from_bytes(data), ""
    except MaskRefused as refused:
        mask, (message,) = None, refused.errors["mask"]
    if mask:
        assert sent(mask).size == (mask.facts.width, mask.facts.height)
    else:
        assert re.fullmatch(r"[ -~]{20,500}", message)


@given(st.sampled_from([*masks.READERS, b""]), st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
@example(b"RIFF", b"\x04\0\0\0WEBP")
def test_any_bytes_are_a_mask_or_refused(magic: bytes, data: bytes) -> None:
    """No other error comes out, with a known beginning or without."""
    settled(magic + data)


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.data())
@settings(max_examples=500, deadline=None)
def test_any_damage_leaves_a_mask_or_a_refusal(
    whole: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Bytes overwritten and the end cut off."""
    damaged = bytearray(whole)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    settled(bytes(damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged))


@given(st.text(st.characters(), max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_mask_or_refused(text: str) -> None:
    """The same for base64, surrogates included."""
    with pytest.raises(MaskRefused):
        from_base64(text)


shapes = st.lists(
    st.tuples(st.sampled_from(["rectangle", "ellipse"]), *[st.integers(0, 99)] * 4, st.sampled_from([0, 255])),
    min_size=1,
    max_size=8,
)


@given(st.integers(8, 100), st.integers(8, 100), shapes, st.sampled_from(["1", "L", "P", "RGB", "RGBA"]))
@settings(max_examples=200, deadline=None)
def test_any_drawn_mask_arrives_exactly(
    width: int, height: int, drawing: list[tuple[str, int, int, int, int, int]], mode: str
) -> None:
    """Pixels and coverage are exact, and what we send would be accepted and sent again unchanged."""
    image = Image.new("L", (width, height))
    for shape, x0, y0, x1, y1, fill in drawing:
        box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        getattr(ImageDraw.Draw(image), shape)(box, fill=fill)
    white = image.histogram()[255]
    assume(white)
    mask = from_bytes(encoded(image.convert(mode)))
    assert same(sent(mask), image)
    assert mask.facts.coverage == round(white / (width * height), 6)
    assert from_bytes(mask.png).png == mask.png
