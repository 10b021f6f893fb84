"""What is known of libraries, builtins and types: which calls are harmless, which values plain.

A call that is missing here makes a slice longer, never wrong.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PURE_BUILTINS = _words(
    "abs all any ascii bin bool bytes callable chr complex dict divmod enumerate filter "
    "float format frozenset getattr hasattr hash hex id int isinstance issubclass iter "
    "len list map max min object oct ord pow print property range repr reversed round set "
    "slice sorted staticmethod classmethod str sum super tuple type zip bytearray "
    "memoryview display now_tag_cell now_tag_variable track metric ArithmeticError "
    "AssertionError AttributeError BaseException Exception ImportError IndexError "
    "KeyError LookupError NotImplementedError OSError RuntimeError StopIteration "
    "TypeError ValueError ZeroDivisionError FileNotFoundError NameError OverflowError "
    "Warning UserWarning DeprecationWarning"
)
# What they give is a number or a text, or else a truth.
MEASURES = _words("len str repr ascii hash id isinstance issubclass callable hasattr ord bool")
UNSEEN = frozenset({"exec", "eval", "globals", "locals", "vars", "__import__", "input", "compile"})
# Libraries whose functions leave their arguments as they are, but for the names below.
PURE_LIBRARIES = _words(
    "numpy pandas sklearn scipy math cmath statistics itertools collections functools "
    "re json datetime copy string textwrap decimal fractions hashlib dataclasses "
    "typing enum pathlib numbers calendar polars abc contextlib types base64 "
    "pprint time imblearn unicodedata difflib zlib struct"
)
MUTATORS = _words(
    "shuffle put place copyto fill_diagonal put_along_axis at insort insort_left "
    "insort_right update_wrapper reduce partial_fit setflags putmask"
)
SETTER = re.compile(
    r"set_|seed$|manual_seed|register|option_?context|reset_option|config|simplefilter"
    r"|filterwarnings|seterr|setlocale|set(?:state|recursionlimit|default|context|printoptions)"
    r"|use$|install|enable|disable|chdir|putenv|rc$|rcdefaults|reload|monkey|patch"
)
DRAWING = re.compile(r"(?:random|numpy\.random|torch)(?:\.|$)")
OWN_GENERATOR = re.compile(
    r"(?:random\.(?:Random|SystemRandom)"
    r"|numpy\.random\.(?:default_rng|RandomState|Generator|SeedSequence|PCG64|MT19937|Philox))$"
)
SEEDS = {
    "random.seed": "python",
    "numpy.random.seed": "numpy",
    "torch.manual_seed": "torch",
}
GENERATOR_OF = {"random": "python", "numpy": "numpy", "torch": "torch"}
OUTWARD_PURE = re.compile(
    r"os\.path\.|os\.(?:getcwd|listdir|getenv|cpu_count|fspath)|sys\.getsizeof"
)
OUTWARD_OF_NUMPY = (
    "random", "load", "save", "fromfile", "genfromtxt", "memmap", "loadtxt", "savetxt",
)  # fmt: skip
OUTSIDE = _words(
    "os sys shutil subprocess locale warnings logging gc signal threading multiprocessing "
    "atexit importlib faulthandler resource tempfile socket ctypes site builtins"
)
PLOTTERS = frozenset({"matplotlib", "seaborn", "plotly", "pylab", "mpl_toolkits", "altair"})
PICTURES = "%pictures"
# How pictures that are drawn later look.
STYLES = "%styles"
# How values are written as text.
PRINTING = "%printing"
# What the classes of the session know of one another.
SUBCLASSES = "%subclasses"

SCALARS = re.compile(
    r"(?:int|float|complex|bool|str|bytes|NoneType|ellipsis|range)$"
    r"|datetime\.(?:datetime|date|time|timedelta|timezone)$|decimal\.Decimal$|fractions\.Fraction$"
    r"|numpy\.(?:u?int\d+|float\d+|bool_?|str_|complex\d+|intc|longlong)$|uuid\.UUID$"
    r"|pathlib\.(?:\w+\.)?(?:Pure)?(?:Posix|Windows)?Path$|re\.(?:Pattern|Match)$"
    r"|pandas\.(?:\w+\.)*(?:Timestamp|Timedelta|NaTType|NAType)$"
)
DATA = re.compile(
    r"(?:list|dict|set|tuple|frozenset|bytearray|function|type|module|slice"
    r"|builtin_function_or_method)$"
    r"|abc\.ABCMeta$|collections\.(?:OrderedDict|Counter|deque)$|numpy\.(?!random\.)|pandas\."
    r"|scipy\.sparse|polars\.|pyarrow\."
)
FRAMES = re.compile(r"numpy\.(?!random\.)|pandas\.|polars\.|scipy\.sparse|pyarrow\.")
LEARNERS = re.compile(r"sklearn\.|imblearn\.|xgboost\.|lightgbm\.")
# Their parameters that let them write over what they are given, `copy` where it is false.
WRITES_OVER = re.compile(r"copy|overwrite|inplace")
# What models hold besides other models, numbers and frames.
HOLDS = re.compile(
    r"type$|abc\.ABCMeta$|numpy\.random\.|builtin_function_or_method$|sklearn\.utils\."
)
# What only asks a model that is not made of others, which may be the user's.
ASKS_MODELS = _words("predict predict_proba predict_log_proba decision_function score get_params")
COMPOSED = re.compile(r"sklearn\.(?:pipeline|compose|ensemble|model_selection|multi|calibration)")
FRAME_MUTATORS = _words(
    "sort fill resize put itemset partition setflags byteswap insert pop update setfield "
    "set_flags setdefault sort_indices sum_duplicates eliminate_zeros prune setdiag"
)
# Of what may look up names that strings hold, in the frames that called it.
READS_NAMES = re.compile(r"(?i).*(?:eval|query|sql|bmat)")
# Ways to the session's namespace past its names.
DOORS = _words("f_globals f_locals f_back user_ns user_global_ns __globals__")
_OF_SEQUENCES = _words("index count copy")
_OF_MAPPINGS = _words("get keys values items copy most_common total")
PURE_OF = {
    "list": _OF_SEQUENCES,
    "deque": _OF_SEQUENCES,
    "dict": _OF_MAPPINGS,
    "OrderedDict": _OF_MAPPINGS,
    "Counter": _OF_MAPPINGS,
    "set": _words(
        "union intersection difference symmetric_difference issubset issuperset isdisjoint copy"
    ),
}
# Of any receiver that is not known: what only looks, by its name.
LOOKS = _words(
    "sum mean std var min max median lower upper strip lstrip rstrip split rsplit "
    "splitlines startswith endswith replace format join items keys values get round abs "
    "title capitalize count index copy astype tolist item isdigit isalpha zfill group "
    "groups encode decode strftime isoformat total_seconds most_common union intersection "
    "difference to_numpy to_dict to_list reshape dot head tail describe nunique unique "
    "isna notna any all union groupby agg aggregate value_counts"
)
PATH_EFFECTS = _words(
    "mkdir touch unlink rmdir rename replace write_text write_bytes symlink_to chmod open "
    "hardlink_to"
)
LISTING = _words(
    "listdir scandir walk glob rglob iglob iterdir exists isfile isdir is_file is_dir "
    "stat getsize getmtime lexists"
)
SHOWING = frozenset({"print", "display", "pprint", "pp", "sleep", "collect", "now_tag_cell"})
# Methods of frames that only show something.
QUESTIONS = frozenset({"info", "head", "describe", "tail", "plot", "hist"})
DRAWS_PICTURES = frozenset({"plot", "hist", "boxplot", "scatter", "bar", "barh", "savefig"})
INPLACE = frozenset({"inplace", "out", "overwrite_x", "overwrite_a", "overwrite_input", "copy"})
# Settings of how values are written as text, and what writes or reads them so.
SETS_PRINTING = re.compile(r"numpy\.set_printoptions$|pandas\.options\.display\.")
OPTIONS_OF_PRINTING = re.compile(r"display\.|max_(?:rows|columns|colwidth)$|precision$")
TEXTUAL = _words(
    "str repr ascii format print display pprint pformat pp input to_string to_html to_latex "
    "to_markdown style array2string array_repr array_str options get_option option_context "
    "describe_option get_printoptions printoptions __repr__ __str__ __format__ _repr_html_"
)
# Magics that change no value.
MAGICS = _words(
    "matplotlib config autoreload pinfo pinfo2 who whos who_ls pwd lsmagic history precision "
    "pprint xmode colors"
)
# KnownValues of these types are no open files, and have none.
HOLDS_NO_FILE = re.compile(
    r"(?:int|float|str|bool|list|dict|set|tuple|bytes|NoneType|function|type)$"
    r"|numpy\.(?!memmap)|pandas\.|sklearn\.|scipy\.|pathlib\."
)
PLAIN_DECORATORS = frozenset(
    {"dataclass", "total_ordering", "staticmethod", "classmethod", "property", "wraps"}
    | {"lru_cache", "cache", "cached_property", "contextmanager", "singledispatch"}
    | {"abstractmethod", "jit", "njit", "vectorize"}
)


_KNOWN = (
    PURE_LIBRARIES
    | OUTSIDE
    | PLOTTERS
    | _words(
        "random torch provenance_kernel IPython xgboost lightgbm csv pickle io uuid urllib heapq "
        "bisect queue glob sqlite3 gzip zipfile joblib tqdm traceback inspect secrets"
    )
)


def is_known_library(dotted: str) -> bool:
    """Tell whether calls into a library keep no state that later calls look at."""
    return dotted.partition(".")[0] in _KNOWN


def is_scalar(kind: str | None) -> bool:
    """Tell whether values of a type cannot be changed in place and share no parts."""
    return kind is not None and SCALARS.match(kind) is not None
