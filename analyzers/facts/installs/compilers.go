package installs

import "regexp"

// The names that distributions and conda give the packages that bring a
// compiler, as a driver or by depending on one.
var (
	reCompiler = regexp.MustCompile(`^(` +
		`build-essential|build-base|base-devel|alpine-sdk|crossbuild-essential-.*|` +
		`(gcc|g\+\+|gfortran|gcc-c\+\+|gobjc|gdc|gnat|gccgo|gm2)(-?\d+(\.\d+)*)?` +
		`(-multilib|-(x86-64|aarch64|arm|i686|powerpc64le|s390x|riscv64)-linux-gnu.*)?|` +
		`gcc-gfortran|gcc-toolset-\d+(-gcc.*)?|llvm-toolset(-\d+)?(\.\d+)?|devtoolset-\d+(-gcc.*|-toolchain)?|gcc\d+-c\+\+|libgcc-devel-static|` +
		`clang(-?\d+)?|clang-tools-extra|flang(-?\d+)?|tcc|zig|` +
		`rust|rustc|cargo|rustc-[\d.]+|cargo-[\d.]+|rust-all|rust-toolset|rustup|sdkman|` +
		`go|golang(-[\d.]+)?(-go)?|golang-any|gcc-go|go-toolset|` +
		`default-jdk(-headless)?|openjdk-?\d+-jdk(-headless)?|openjdk\d+(-jdk)?|java-[\d.]+-openjdk-devel|` +
		`ghc|cuda-nvcc(-[\d-]+)?|cuda-toolkit(-[\d-]+)?|cuda-compiler(-[\d-]+)?|cuda-devel|nvidia-cuda-toolkit|` +
		`@?"?[Dd]evelopment[ -][Tt]ools"?|@development|@c-development|devel_basis|devel_C_C\+\+|patterns-devel-base-devel_basis|` +
		`(gcc|gxx|gfortran|clang|clangxx)(_(linux|osx|win)-[\w]+)?|(c|cxx|fortran)-compiler|compilers` +
		`)$`)
	reWrapper = regexp.MustCompile(
		`^(build-essential|crossbuild-essential-.*|gcc|g\+\+|gfortran|clang|golang|golang-go|golang-any|default-jdk(-headless)?)$`,
	)
)

// Usual reports whether images that hold a compiler at all, as those on
// buildpack-deps do, already hold what the package brings.
func Usual(name string) bool { return reUsual.MatchString(name) }

var reUsual = regexp.MustCompile(`^(build-essential|gcc(-\d+)?|g\+\+(-\d+)?)$`)

// Compiler reports whether the system or conda package of that name brings a
// compiler.
func Compiler(name string) bool { return reCompiler.MatchString(name) }

// Wrapper reports whether Debian's package of that name holds no compiler
// itself but depends on one, which stays when the package alone is removed.
func Wrapper(name string) bool { return reWrapper.MatchString(name) }

// Installer reports whether a requirement names an installer itself: pip, or
// what is used in its place.
func Installer(requirement string) bool { return reInstaller.MatchString(requirement) }

var reInstaller = regexp.MustCompile(
	`(?i)^(pip|setuptools|wheel|uv|poetry|pipenv|pdm|pip-tools|conda|mamba)([\[=<>!~ ].*)?$`,
)
