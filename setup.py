"""Builds the compiled masking core; everything else is declared in pyproject.toml."""

from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

core = Extension(
    "runnerlib.masking._scanner",
    sources=["ext/scanner.pyx", *sorted(glob("ext/*.c"))],
    depends=sorted(glob("ext/*.h")),
    include_dirs=["ext"],
    extra_compile_args=["-O3", "-std=c11", "-Wall", "-Wextra"],
)

setup(ext_modules=cythonize([core], build_dir="build"))
