# cython: language_level=3
"""The Python side of the masking core; `_scanner.pyi` documents it, `ext/README.md` explains the core."""

from cython cimport final
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.pythread cimport (
    NOWAIT_LOCK, WAIT_LOCK, PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock,
    PyThread_release_lock, PyThread_type_lock,
)
from cpython.object cimport PyObject
from libc.stdint cimport SIZE_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, getenv, malloc

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(list, Py_ssize_t)
    PyObject *PyTuple_GET_ITEM(tuple, Py_ssize_t)
    Py_ssize_t Py_REFCNT(PyObject *)
    void Py_DECREF(PyObject *)

cdef extern from "automaton.h":
    struct c_automaton "automaton":
        pass
    struct c_node "trie_node":
        uint32_t id
        uint8_t is_word
    struct c_edge "trie_edge":
        uint32_t begin "from", to
        uint8_t byte
    struct c_fail "trie_fail":
        uint32_t begin "from", to
    struct c_trie "trie":
        c_node *nodes
        c_edge *edges
        c_fail *fails
        size_t node_count, edge_count, fail_count
    enum: AUTOMATON_OK, AUTOMATON_BAD_TRIE
    int automaton_build(const c_trie *trie, c_automaton **result) nogil

cdef extern from "kernel.h":
    struct c_kernel "kernel":
        const char *name
    const c_kernel *kernel_find(const char *name) nogil
    const char *kernel_name(size_t i) nogil

cdef extern from "group.h":
    struct c_pattern "pattern":
        const uint8_t *bytes
        size_t length
        uint32_t rule
    struct c_patterns "patterns":
        const uint8_t *bytes
        uint32_t *start
        uint32_t *rule
        uint32_t count, longest
    struct c_group "group":
        c_patterns patterns
    struct c_set "set":
        c_group *groups[9]
        unsigned count
        uint32_t longest
        const void *folding
        const void *joined
        const void *digits
        const void *shapes
    enum: SCAN_DONE, SCAN_NEEDS_AUTOMATON
    c_group *group_new(const c_pattern *patterns, size_t count, const c_kernel *kernel) nogil
    void group_free(c_group *group) nogil
    size_t group_bytes(const c_group *group) nogil
    const c_automaton *group_automaton(c_group *group) nogil
    uint64_t group_credit(const c_group *group) nogil
    int group_adopt(c_group *group, c_automaton *automaton) nogil
    size_t patterns_divide(c_pattern *patterns, size_t count, size_t length) nogil
    bint patterns_contain(const c_patterns *patterns, const uint8_t *text, size_t length) nogil

cdef extern from "cores.h":
    unsigned core_alignments(unsigned bits) nogil
    size_t core_length(size_t length, unsigned before, unsigned bits) nogil
    bint core_has_end(size_t length, unsigned before, unsigned bits) nogil
    void core_write(const uint8_t *value, size_t length, unsigned before, unsigned bits, uint8_t *text,
                    size_t count) nogil
    bint core_is_searchable(const uint8_t *text, size_t length, size_t least) nogil

cdef extern from "folding.h":
    struct c_folding "folding":
        c_set set
    enum c_folding_forms "folding_forms":
        FOLDING_ALL, FOLDING_DIFFERENT, FOLDING_JOINED, FOLDING_DIGITS
    size_t folding_divide(c_pattern *patterns, size_t count) nogil
    int folding_group(const c_pattern *patterns, size_t count, const c_kernel *kernel, c_folding_forms forms,
                      c_group **group) nogil
    int folding_build(c_folding *folding, const c_kernel *kernel, bint joined, const c_folding *before) nogil
    void folding_build_digits(c_folding *folding, const c_kernel *kernel) nogil
    void folding_free(c_folding *folding) nogil
    size_t folding_bytes(const c_folding *folding) nogil

cdef extern from "shaping.h":
    enum: SHAPE_COUNT
    struct c_shapes "shapes":
        c_group *group
        uint32_t enabled
    const char *shape_name(size_t i) nogil
    c_group *shapes_group(uint32_t enabled, const c_kernel *kernel) nogil

cdef extern from "tally.h":
    struct c_tally_row "tally_row":
        uint64_t marks, bytes
        uint32_t rule
    struct c_tally "tally":
        c_tally_row *rows
        size_t room
        c_tally_row other

cdef extern from "stream.h":
    struct c_stream "stream":
        uint64_t done, end, marks, most_held, received, released
        c_tally tally
    struct c_marker "marker":
        const uint8_t *bytes
        size_t length
    void stream_free(c_stream *stream) nogil
    void stream_forget(c_stream *stream) nogil
    int stream_scan(c_stream *stream, const c_set *patterns, const uint8_t *data, size_t length,
                    bint last) nogil
    void stream_unscan(c_stream *stream) nogil
    bint stream_is_unchanged(const c_stream *stream) nogil
    void stream_pass(c_stream *stream) nogil
    size_t stream_size(const c_stream *stream, const c_marker *markers) nogil
    int stream_reserve(c_stream *stream) nogil
    void stream_commit(c_stream *stream, const c_marker *markers, uint8_t *output) nogil

# Below this a chunk is scanned sooner than the lock of the interpreter changes hands.
cdef size_t NOGIL_LENGTH = 4096

# A part that grows by single registrations is compiled anew each time; beyond this it joins the middle one, and that the
# base when it has a 32nd of it: so no pattern is compiled often, and a set has three parts.
cdef size_t DELTA_LIMIT = 256
cdef size_t MIDDLE_SHARE = 32

# More patterns than this are divided into short ones and others, which are searched one after the other.
cdef size_t MIXED_LIMIT = 16
cdef size_t LONG_PATTERN = 7


def cores(bytes value not None, unsigned bits, bint ends, size_t least):
    cdef const uint8_t *given = <const uint8_t *>PyBytes_AS_STRING(value)
    cdef size_t length = PyBytes_GET_SIZE(value), count
    cdef uint8_t *written
    cdef unsigned before, more
    cdef list found = []
    cdef bytes text
    if bits not in (5, 6):
        raise ValueError("bits: 5 (base32) or 6 (base64)")
    if not length:
        return found
    for before in range(core_alignments(bits)):
        for more in range(1 + (ends and core_has_end(length, before, bits))):
            count = core_length(length, before, bits) + more
            text = PyBytes_FromStringAndSize(NULL, count)
            written = <uint8_t *>PyBytes_AS_STRING(text)
            core_write(given, length, before, bits, written, count)
            if least == 0 or core_is_searchable(written, count, least):
                found.append(text)
    return found


cdef const c_kernel *find_kernel(str name) except NULL:
    cdef const c_kernel *kernel = default_kernel if name is None else kernel_find(name.encode())
    if kernel == NULL:
        raise ValueError(f"unknown kernel '{name}' ({', '.join(KERNELS)})")
    return kernel


cdef tuple list_kernels():
    cdef list names = []
    while kernel_name(len(names)) != NULL:
        names.append(kernel_name(len(names)).decode())
    return tuple(names)


cdef tuple list_shapes():
    return tuple([shape_name(i).decode() for i in range(SHAPE_COUNT)])


KERNELS = list_kernels()
SHAPES = list_shapes()
cdef const c_kernel *default_kernel = kernel_find(getenv("RUNNERLIB_KERNEL"))
if default_kernel == NULL:
    raise ImportError(f"RUNNERLIB_KERNEL names no kernel of this machine ({', '.join(KERNELS)})")


cdef class _Group:
    """Owns one compiled group; `folded`, `joined` and `digits` own those of its patterns in these views, if it has any.

    A shared one is searched in folded text, too: all its patterns have a folded view, and `folded` has only those that
    differ from them.
    """

    cdef c_group *group
    cdef _Group folded, joined, digits
    cdef bint shared

    def __dealloc__(self):
        group_free(self.group)


cdef list compile_groups(list parts, dict values, const c_kernel *kernel, bint folded):
    """Compile the patterns of some groups and some new ones into one group, or into up to three: a short pattern leaves a
    prefilter little choice, and many long ones should not suffer from a few of those; and long ones without a folded view,
    which have line ends in them, are kept apart from those that are searched in folded text, too."""
    cdef size_t count = count_patterns(parts) + len(values), i, n = 0, short = 0, apart = 0
    cdef c_patterns *old
    cdef list groups
    cdef _Group part
    cdef bytes value
    cdef uint32_t rule
    cdef c_pattern *patterns = <c_pattern *>malloc((count + 1) * sizeof(c_pattern))
    if patterns == NULL:
        raise MemoryError
    try:
        for part in parts:
            old = &part.group.patterns
            for i in range(<size_t>old.count):
                patterns[n].bytes = old.bytes + old.start[i]
                patterns[n].length = old.start[i + 1] - old.start[i]
                patterns[n].rule = old.rule[i]
                n += 1
        for value, rule in values.items():
            patterns[n].bytes = <const uint8_t *>PyBytes_AS_STRING(value)
            patterns[n].length = PyBytes_GET_SIZE(value)
            patterns[n].rule = rule
            n += 1
        if count > MIXED_LIMIT:
            short = patterns_divide(patterns, count, LONG_PATTERN)
        if count > MIXED_LIMIT and folded:
            apart = folding_divide(patterns + short, count - short)
        groups = []
        if short:
            groups.append(compile_group(patterns, short, kernel, folded, False))
        if apart:
            groups.append(compile_group(patterns + short, apart, kernel, False, False))
        if short + apart < count:
            n = short + apart
            groups.append(compile_group(patterns + n, count - n, kernel, folded, count > MIXED_LIMIT and folded))
        return groups
    finally:
        free(patterns)


cdef _Group compile_group(const c_pattern *patterns, size_t count, const c_kernel *kernel, bint folded, bint shared):
    cdef _Group result = _Group.__new__(_Group)
    with nogil:
        result.group = group_new(patterns, count, kernel)
    if result.group == NULL:
        raise MemoryError
    if folded:
        result.folded = compile_folded(patterns, count, kernel, FOLDING_DIFFERENT if shared else FOLDING_ALL)
        result.joined = compile_folded(patterns, count, kernel, FOLDING_JOINED)
        result.digits = compile_folded(patterns, count, kernel, FOLDING_DIGITS)
        result.shared = shared
    return result


cdef _Group compile_folded(const c_pattern *patterns, size_t count, const c_kernel *kernel, c_folding_forms forms):
    cdef _Group result = _Group.__new__(_Group)
    cdef int failed
    with nogil:
        failed = folding_group(patterns, count, kernel, forms, &result.group)
    if failed:
        raise MemoryError
    return None if result.group == NULL else result


cdef class _Shapes:
    """Owns the literals of the shapes of a scanner, and what stands for the marks of secrets and of each shape."""

    cdef _Group group
    cdef c_shapes compiled
    cdef list texts
    cdef c_marker markers[SHAPE_COUNT + 1]


cdef _Shapes make_shapes(const c_kernel *kernel, bytes marker, dict shapes):
    cdef _Shapes result = _Shapes.__new__(_Shapes)
    cdef bytes text
    cdef size_t i
    result.texts = [marker] + [shapes.get(name, b"") for name in SHAPES]
    for i, text in enumerate(result.texts):
        result.markers[i].bytes = <const uint8_t *>PyBytes_AS_STRING(text)
        result.markers[i].length = PyBytes_GET_SIZE(text)
    for name in shapes:
        if name not in SHAPES:
            raise ValueError(f"unknown shape '{name}' ({', '.join(SHAPES)})")
        result.compiled.enabled |= <uint32_t>1 << <int>SHAPES.index(name)
    if shapes:
        result.group = _Group.__new__(_Group)
        result.group.group = result.compiled.group = shapes_group(result.compiled.enabled, kernel)
        if result.group.group == NULL:
            raise MemoryError
    return result


cdef class _PatternSet:
    """An immutable list of groups, shared by the streams that use it.

    The groups of `base` were compiled from many patterns at once; `delta` takes what is added one by one, and is
    compiled anew each time, until it is so large that it goes to `middle`, and that in its turn to `base`.
    """

    cdef const c_kernel *kernel
    cdef list base, middle, delta
    cdef bint folded
    cdef _Shapes shapes
    cdef c_set compiled
    cdef c_folding folding, joined, digits

    def __dealloc__(self):
        folding_free(&self.folding)
        folding_free(&self.joined)

    cdef list groups(self):
        """All groups, those of the folded patterns and of the shapes included."""
        cdef _Group group
        cdef list groups = self.searched()
        groups += [twin for group in groups for twin in (group.folded, group.joined, group.digits) if twin is not None]
        return groups if self.shapes.group is None else groups + [self.shapes.group]

    cdef list searched(self):
        """The groups that are searched in the text itself."""
        return self.base + self.middle + self.delta

    cdef bint contains(self, bytes value):
        cdef _Group group
        for group in self.searched():
            if patterns_contain(&group.group.patterns, <const uint8_t *>PyBytes_AS_STRING(value),
                                PyBytes_GET_SIZE(value)):
                return True
        return False

    cdef _PatternSet extended(self, dict values):
        cdef size_t size = count_patterns(self.base)
        cdef size_t delta = count_patterns(self.delta) + len(values), middle = count_patterns(self.middle) + delta
        if size > DELTA_LIMIT and delta <= DELTA_LIMIT:
            return make_set(self, self.base, self.middle, self.compile(self.delta, values))
        if size > DELTA_LIMIT and middle <= max(DELTA_LIMIT, size // MIDDLE_SHARE):
            return make_set(self, self.base, self.compile(self.middle + self.delta, values), [])
        return make_set(self, self.compile(self.searched(), values), [], [])

    cdef list compile(self, list parts, dict values):
        return compile_groups(parts, values, self.kernel, self.folded)

    cdef int build_automata(self) except -1:
        """Build what a scan asked for: the automata of groups that have spent their credit, or else all."""
        cdef _Group group
        cdef list missing = [group for group in self.groups() if group_automaton(group.group) == NULL]
        for group in [group for group in missing if group_credit(group.group) == 0] or missing:
            build_automaton(group)
        return 0


cdef _PatternSet empty_set(const c_kernel *kernel, bint folded, _Shapes shapes):
    cdef _PatternSet result = _PatternSet.__new__(_PatternSet)
    result.kernel, result.folded, result.shapes = kernel, folded, shapes
    result.base, result.middle, result.delta = [], [], []
    if shapes.group is not None:
        result.compiled.shapes = &shapes.compiled
    return result


cdef _PatternSet make_set(_PatternSet before, list base, list middle, list delta):
    """A set of these groups, which have all patterns of `before`."""
    cdef _PatternSet result = empty_set(before.kernel, before.folded, before.shapes)
    cdef _Group group
    result.base, result.middle, result.delta = base, middle, delta
    for group in result.searched():
        put_group(&result.compiled, group)
        result.compiled.longest = max(result.compiled.longest, group.group.patterns.longest)
        if group.shared:
            put_group(&result.folding.set, group)
        if group.folded is not None:
            put_group(&result.folding.set, group.folded)
        if group.joined is not None:
            put_group(&result.joined.set, group.joined)
        if group.digits is not None:
            put_group(&result.digits.set, group.digits)
    if result.folding.set.count:
        if folding_build(&result.folding, result.kernel, False, &before.folding):
            raise MemoryError
        result.compiled.folding = &result.folding
    if result.joined.set.count:
        if folding_build(&result.joined, result.kernel, True, &before.joined):
            raise MemoryError
        result.compiled.joined = &result.joined
    if result.digits.set.count:
        folding_build_digits(&result.digits, result.kernel)
        result.compiled.digits = &result.digits
    return result


cdef int put_group(c_set *patterns, _Group group) noexcept:
    patterns.groups[patterns.count] = group.group
    patterns.count += 1
    return 0


cdef size_t count_patterns(list groups) except? 0:
    cdef _Group group
    cdef size_t count = 0
    for group in groups:
        count += group.group.patterns.count
    return count


cdef int build_automaton(_Group group) except -1:
    """Have pyahocorasick build trie and failure links, and compile its dump."""
    import ahocorasick  # heavy, and most runs never need it

    cdef c_patterns *patterns = &group.group.patterns
    cdef size_t i
    builder = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
    for i in range(<size_t>patterns.count):
        builder.add_word((<bytes>patterns.bytes[patterns.start[i]:patterns.start[i + 1]]).decode("latin-1"))
    builder.make_automaton()
    cdef tuple dumped = builder.dump()
    disown(dumped)
    compile_automaton(group, dumped[0], dumped[1], dumped[2])
    return 0


cdef int disown(tuple dumped) except -1:
    """Give up the lists that `dump` of pyahocorasick made, but for the tuple that they are in.

    Up to 2.3.1 it leaks one reference to each list, and one to each tuple in it. Nobody else has seen them: with a
    second reference they have that one. Without, as when this is mended, they are left as they are.
    """
    cdef PyObject *item
    cdef Py_ssize_t i
    for i in range(len(dumped)):
        item = PyTuple_GET_ITEM(dumped, i)
        if Py_REFCNT(item) == 2:
            Py_DECREF(item)
    return 0


cdef int empty(list dumped) except -1:
    """Give up what is in such a list."""
    cdef PyObject *item
    cdef Py_ssize_t i
    for i in range(len(dumped)):
        item = PyList_GET_ITEM(dumped, i)
        if Py_REFCNT(item) == 2:
            Py_DECREF(item)
    dumped.clear()
    return 0


cdef int compile_automaton(_Group group, list nodes, list edges, list fails) except -1:
    cdef c_trie trie = [NULL, NULL, NULL, 0, 0, 0]
    cdef c_automaton *automaton = NULL
    cdef int error
    cdef size_t i
    trie.node_count, trie.edge_count, trie.fail_count = len(nodes), len(edges), len(fails)
    try:
        trie.nodes = <c_node *>calloc(len(nodes) + 1, sizeof(c_node))
        trie.edges = <c_edge *>calloc(len(edges) + 1, sizeof(c_edge))
        trie.fails = <c_fail *>calloc(len(fails) + 1, sizeof(c_fail))
        if trie.nodes == NULL or trie.edges == NULL or trie.fails == NULL:
            raise MemoryError
        for i, (node, is_word) in enumerate(nodes):
            trie.nodes[i].id, trie.nodes[i].is_word = node & 0xFFFFFFFF, is_word
        for i, (node, byte, target) in enumerate(edges):
            trie.edges[i].begin, trie.edges[i].to = node & 0xFFFFFFFF, target & 0xFFFFFFFF
            trie.edges[i].byte = byte[0]
        for i, (node, target) in enumerate(fails):
            trie.fails[i].begin, trie.fails[i].to = node & 0xFFFFFFFF, target & 0xFFFFFFFF
        error = automaton_build(&trie, &automaton)
    finally:
        free(trie.nodes)
        free(trie.edges)
        free(trie.fails)
        for dumped in (nodes, edges, fails):
            empty(dumped)
    if error == AUTOMATON_BAD_TRIE:
        raise RuntimeError("pyahocorasick gave an inconsistent trie; the output is withheld")
    if error != AUTOMATON_OK:
        raise MemoryError
    if group_adopt(group.group, automaton):
        raise MemoryError
    return 0


@final
cdef class Scanner:
    cdef readonly bytes marker
    cdef readonly str kernel
    cdef readonly object rules
    cdef _Shapes shapes
    cdef _PatternSet current
    cdef list running
    cdef PyThread_type_lock registering

    def __cinit__(self, bytes marker not None, str kernel=None, bint folded=False, rules=None, dict shapes=None):
        cdef const c_kernel *found = find_kernel(kernel)
        self.marker = marker
        self.rules = rules
        self.kernel = found.name.decode()
        self.shapes = make_shapes(found, marker, shapes or {})
        self.current = empty_set(found, folded, self.shapes)
        self.running = []
        self.registering = PyThread_allocate_lock()
        if self.registering == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.registering != NULL:
            PyThread_free_lock(self.registering)

    def __len__(self):
        return count_patterns(self.current.searched())

    @property
    def nbytes(self):
        cdef _Group group
        cdef size_t total = folding_bytes(&self.current.folding) + folding_bytes(&self.current.joined)
        for group in self.current.groups():
            total += group_bytes(group.group)
        return total

    def add(self, values):
        cdef dict fresh = values if isinstance(values, dict) else dict.fromkeys(values, 0)
        cdef bytes value
        for value in fresh:
            if not value:
                raise ValueError("an empty pattern would match everywhere")
        acquire(self.registering)
        try:
            fresh = {value: rule for value, rule in fresh.items() if not self.current.contains(value)}
            if fresh:
                self.current = self.current.extended(fresh)
        finally:
            PyThread_release_lock(self.registering)
        # A stream that is at work holds its lock, and has perhaps begun with the former set.
        cdef Stream stream
        for stream in list(self.running):
            acquire(stream.lock)
            PyThread_release_lock(stream.lock)
        return len(fresh)

    def stream(self):
        return Stream.__new__(Stream, self)

    def mask(self, data):
        return (<Stream>Stream.__new__(Stream, self)).run_object(data, True)


cdef int acquire(PyThread_type_lock lock) noexcept:
    if not PyThread_acquire_lock(lock, NOWAIT_LOCK):
        with nogil:
            PyThread_acquire_lock(lock, WAIT_LOCK)
    return 0


@final
cdef class Stream:
    cdef c_stream stream
    cdef Scanner scanner
    cdef _PatternSet seen
    cdef bytes ahead
    cdef PyThread_type_lock lock

    def __cinit__(self, Scanner scanner not None):
        self.scanner = scanner
        self.seen = scanner.current
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError

    def __dealloc__(self):
        stream_free(&self.stream)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    @property
    def held(self):
        return self.stream.end - self.stream.done

    @property
    def most_held(self):
        return self.stream.most_held

    @property
    def marks(self):
        return self.stream.marks

    def tally(self):
        cdef size_t i
        cdef c_tally_row row
        cdef dict found = {}
        for i in range(self.stream.tally.room):
            row = self.stream.tally.rows[i]
            if row.marks:
                found[row.rule] = row.marks, row.bytes
        row = self.stream.tally.other
        if row.marks:
            found[None] = row.marks, row.bytes
        return found

    def report(self):
        from runnerlib.masking.report import report_of  # few ask, and a start need not pay for it

        return report_of(self, self.scanner)

    @property
    def received(self):
        return self.stream.received

    @property
    def released(self):
        return self.stream.released

    @property
    def searches(self):
        return self.scanner.current.compiled.count > 0 or self.scanner.current.compiled.shapes != NULL

    def prepare(self, bytes data not None):
        acquire(self.lock)
        try:
            self.scan(<const uint8_t *>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), False)
            self.ahead = data
        finally:
            PyThread_release_lock(self.lock)

    def feed(self, data):
        return self.run_object(data, False)

    def flush(self):
        return self.run_object(b"", True)

    cdef bytes run_object(self, data, bint last):
        cdef Py_buffer view
        if PyBytes_CheckExact(data):
            return self.run(<bytes>data, <const uint8_t *>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), last)
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return self.run(None, <const uint8_t *>view.buf, view.len, last)
        finally:
            PyBuffer_Release(&view)

    cdef bytes run(self, bytes whole, const uint8_t *data, size_t length, bint last):
        self.scanner.running.append(self)
        acquire(self.lock)
        try:
            if last or self.ahead is None or self.ahead is not whole or self.seen is not self.scanner.current:
                self.scan(data, length, last)
            self.ahead = None
            return self.output(whole)
        finally:
            PyThread_release_lock(self.lock)
            self.scanner.running.remove(self)

    cdef int scan(self, const uint8_t *data, size_t length, bint last) except -1:
        cdef int result
        if self.ahead is not None:
            self.ahead = None
            stream_unscan(&self.stream)
        if self.seen is not self.scanner.current:
            self.seen = self.scanner.current
            stream_forget(&self.stream)
        while True:
            if length >= NOGIL_LENGTH:
                with nogil:
                    result = stream_scan(&self.stream, &self.seen.compiled, data, length, last)
            else:
                result = stream_scan(&self.stream, &self.seen.compiled, data, length, last)
            if result == SCAN_DONE:
                return 0
            if result != SCAN_NEEDS_AUTOMATON:
                raise MemoryError
            self.seen.build_automata()

    cdef bytes output(self, bytes whole):
        cdef const c_marker *markers = self.scanner.shapes.markers
        cdef bytes result
        if whole is not None and stream_is_unchanged(&self.stream):
            stream_pass(&self.stream)
            return whole
        cdef size_t size = stream_size(&self.stream, markers)
        if size == SIZE_MAX or stream_reserve(&self.stream):
            raise MemoryError
        result = PyBytes_FromStringAndSize(NULL, size)
        stream_commit(&self.stream, markers, <uint8_t *>PyBytes_AS_STRING(result))
        return result
