"""The apps known in November 2026, in the order we advise them; from then on the staff's."""

from typing import Any

APPLE = "https://apps.apple.com/app/id"
APPLE_RU = "https://apps.apple.com/ru/app/id"
PLAY = "https://play.google.com/store/apps/details?id="
GITHUB = "https://github.com/"
HAPP = "https://www.happ.su/main"
HIDDIFY = "https://hiddify.com"
V2RAYTUN = "https://v2raytun.com"
SING_BOX = "https://sing-box.sagernet.org/clients/"
VERGE = f"{GITHUB}clash-verge-rev/clash-verge-rev/releases/latest"
FLCLASHX = f"{GITHUB}pluralplay/FlClashX/releases/latest"
KOALA = f"{GITHUB}coolcoala/clash-verge-rev-lite/releases/latest"
PRIZRAK = f"{GITHUB}legiz-ru/Prizrak-Box/releases/latest"
CLASH_MI = f"{GITHUB}KaringX/clashmi/releases/latest"
KARING = "https://karing.app"
V2RAYN = f"{GITHUB}2dust/v2rayN/releases/latest"
THRONE = f"{GITHUB}throneproj/Throne/releases/latest"
CLASH_PROFILE = "install-config?url={e}&name={n}"

# Code, name, address that imports, whether it tells its device; per platform its place and where it is found.
APPS: list[tuple[str, str, str, bool, dict[str, tuple[int, str]]]] = [
    (
        "happ",
        "Happ",
        "happ://add/{u}",
        True,
        {
            "ios": (10, f"{APPLE}6504287215"),
            "android": (10, f"{PLAY}com.happproxy"),
            "windows": (10, HAPP),
            "macos": (10, f"{APPLE}6504287215"),
            "linux": (30, HAPP),
            "tv": (10, f"{PLAY}com.happproxy"),
            "appletv": (10, f"{APPLE}6748297274"),
        },
    ),
    (
        "v2raytun",
        "v2RayTun",
        "v2raytun://import/{u}",
        True,
        {
            "ios": (20, f"{APPLE}6476628951"),
            "android": (20, f"{PLAY}com.v2raytun.android"),
            "windows": (60, V2RAYTUN),
            "macos": (20, f"{APPLE}6476628951"),
            "tv": (20, f"{PLAY}com.v2raytun.android"),
        },
    ),
    (
        "hiddify",
        "Hiddify",
        "hiddify://import/{u}#{n}",
        False,
        {
            "ios": (60, HIDDIFY),
            "android": (30, HIDDIFY),
            "windows": (20, HIDDIFY),
            "macos": (30, HIDDIFY),
            "linux": (10, HIDDIFY),
        },
    ),
    (
        "streisand",
        "Streisand",
        "streisand://import/{u}#{n}",
        False,
        {"ios": (30, f"{APPLE}6450534064"), "macos": (60, f"{APPLE}6450534064")},
    ),
    (
        "v2rayng",
        "v2rayNG",
        "v2rayng://install-sub?url={e}#{n}",
        False,
        {"android": (40, f"{GITHUB}2dust/v2rayNG/releases/latest")},
    ),
    (
        "clash-verge",
        "Clash Verge Rev",
        f"clash://{CLASH_PROFILE}",
        False,
        {"windows": (30, VERGE), "macos": (60, VERGE), "linux": (60, VERGE)},
    ),
    (
        "flclashx",
        "FlClashX",
        "flclashx://install-config?url={e}",
        True,
        {
            "windows": (40, FLCLASHX),
            "linux": (20, FLCLASHX),
            "macos": (60, FLCLASHX),
            "android": (60, FLCLASHX),
        },
    ),
    (
        "koala-clash",
        "Koala Clash",
        "koala-clash://install-config?url={e}",
        True,
        {"windows": (70, KOALA), "macos": (70, KOALA), "linux": (70, KOALA)},
    ),
    (
        "prizrak-box",
        "Prizrak-Box",
        "prizrak-box://install-config?url={e}",
        True,
        {"windows": (70, PRIZRAK), "macos": (70, PRIZRAK), "linux": (70, PRIZRAK)},
    ),
    (
        "clash-mi",
        "Clash Mi",
        "clashmi://install-config?overwrite=no&name={n}&url={e}",
        False,
        {
            "ios": (70, f"{APPLE}6744321968"),
            "android": (70, CLASH_MI),
            "windows": (70, CLASH_MI),
            "macos": (70, CLASH_MI),
        },
    ),
    (
        "clash-meta",
        "Clash Meta",
        f"clashmeta://{CLASH_PROFILE}",
        False,
        {"android": (60, f"{GITHUB}MetaCubeX/ClashMetaForAndroid/releases/latest")},
    ),
    (
        "stash",
        "Stash",
        "stash://install-config?url={e}",
        False,
        {
            "ios": (70, f"{APPLE}1596063349"),
            "macos": (70, f"{APPLE}1596063349"),
            "appletv": (30, f"{APPLE}1596063349"),
        },
    ),
    (
        "shadowrocket",
        "Shadowrocket",
        "shadowrocket://add/sub://{b}?remark={n}",
        False,
        {
            "ios": (40, f"{APPLE}932747118"),
            "macos": (70, f"{APPLE}932747118"),
            "appletv": (20, f"{APPLE}932747118"),
        },
    ),
    (
        "v2box",
        "V2Box",
        "v2box://install-sub?url={e}&name={n}",
        False,
        {
            "ios": (60, f"{APPLE}6446814690"),
            "macos": (70, f"{APPLE}6446814690"),
            "android": (70, f"{PLAY}dev.hexasoftware.v2box"),
        },
    ),
    (
        "karing",
        "Karing",
        f"karing://{CLASH_PROFILE}",
        False,
        {
            "ios": (60, KARING),
            "android": (60, KARING),
            "windows": (60, KARING),
            "macos": (60, KARING),
            "tv": (30, KARING),
        },
    ),
    (
        "sing-box",
        "sing-box",
        "sing-box://import-remote-profile?url={e}#{n}",
        False,
        {
            "ios": (80, SING_BOX),
            "android": (80, SING_BOX),
            "macos": (80, SING_BOX),
            "appletv": (40, SING_BOX),
        },
    ),
    (
        "nekobox",
        "NekoBox",
        "sn://subscription?url={e}&name={n}",
        False,
        {"android": (80, f"{GITHUB}MatsuriDayo/NekoBoxForAndroid/releases/latest")},
    ),
    (
        "exclave",
        "Exclave",
        "exclave://subscription?url={e}",
        False,
        {"android": (80, f"{GITHUB}dyhkwong/Exclave/releases/latest")},
    ),
    (
        "incy",
        "INCY",
        "incy://import/{u}",
        True,
        {"ios": (70, ""), "android": (70, ""), "windows": (80, ""), "macos": (80, "")},
    ),
    ("v2rayn", "v2rayN", "", False, {"windows": (80, V2RAYN), "macos": (80, V2RAYN), "linux": (70, V2RAYN)}),
    ("throne", "Throne", "", False, {"windows": (80, THRONE), "macos": (80, THRONE), "linux": (70, THRONE)}),
]
RUSSIAN_STORES = {("happ", "ios"): f"{APPLE_RU}6746188973", ("happ", "macos"): f"{APPLE_RU}6746188973"}


def fill(apps: Any, schema_editor: Any = None) -> None:
    """Load them into an empty catalogue. Called from migrations, with their `apps`."""
    app_model, place_model = (
        apps.get_model("subscriptions", "ClientApp"),
        apps.get_model("subscriptions", "AppPlace"),
    )
    for code, name, template, tells, places in APPS:
        app = app_model.objects.create(code=code, name=name, link_template=template, tells_device=tells)
        place_model.objects.bulk_create(
            place_model(
                app=app,
                platform=platform,
                position=position,
                store_url=store,
                russian_store_url=RUSSIAN_STORES.get((code, platform), ""),
            )
            for platform, (position, store) in places.items()
        )
