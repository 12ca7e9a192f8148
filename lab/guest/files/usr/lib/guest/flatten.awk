# Flattens a simple YAML document: one line a scalar, `path.of.keys<TAB>value`. Knows block and flow collections,
# quoted scalars, `|` and `>` blocks (line ends become \n) and comments: what cloud-init documents are made of.

function unquoted(text) {
    if (text ~ /^".*"$/ || text ~ /^'.*'$/) return substr(text, 2, length(text) - 2)
    sub(/[ \t]+#.*$/, "", text)
    return text
}

function trimmed(text) {
    sub(/^[ \t]+/, "", text)
    sub(/[ \t]+$/, "", text)
    return text
}

function path(    level, joined) {
    for (level = 1; level <= depth; level++) joined = joined (level > 1 ? "." : "") name[level]
    return joined
}

function emit(where, value) { print where "\t" value }

function push(key, column) { depth++; name[depth] = key; indent[depth] = column }

# A flow collection: split at commas outside brackets and quotes.
function flow(where, text,    open, inner, at, char, nesting, quote, part, count, colon) {
    open = substr(text, 1, 1)
    inner = substr(text, 2, length(text) - 2) ","
    for (at = 1; at <= length(inner); at++) {
        char = substr(inner, at, 1)
        if (quote != "") { if (char == quote) quote = "" }
        else if (char == "\"" || char == "'") quote = char
        else if (index("[{", char)) nesting++
        else if (index("]}", char)) nesting--
        else if (char == "," && !nesting) {
            part = trimmed(part)
            if (part != "" && open == "[") value(where "." count++, part)
            else if (part != "") {
                colon = index(part, ":")
                value(where "." unquoted(trimmed(substr(part, 1, colon - 1))), trimmed(substr(part, colon + 1)))
            }
            part = ""
            continue
        }
        part = part char
    }
}

function value(where, text) {
    if (text ~ /^\[.*\]$/ || text ~ /^\{.*\}$/) flow(where, text)
    else emit(where, unquoted(text))
}

function end_block() {
    if (block != "") emit(block, folded)
    block = ""
}

block != "" {
    match($0, /^ */)
    if ($0 ~ /^ *$/ || RLENGTH > block_indent) {
        if (block_text < 0) block_text = RLENGTH
        folded = folded (folded == "" ? "" : separator) substr($0, block_text + 1)
        next
    }
    end_block()
}

/^[ \t]*(#.*)?$/ || /^---/ { next }

{
    match($0, /^ */)
    column = RLENGTH
    text = trimmed($0)
    while (text == "-" || text ~ /^- /) {
        # An item may stand in the same column as the key of its list: it counts as half a column further in.
        while (depth && indent[depth] >= column + 0.5) depth--
        where = path()
        push(items[where]++, column + 0.5)
        match(text, /^- */)
        column += RLENGTH < 2 ? 2 : RLENGTH
        text = substr(text, RLENGTH + 1)
    }
    if (text == "") next
    if (!index("\"'[{", substr(text, 1, 1)) && match(text, /^[^ :]+:( |$)/)) {
        while (depth && indent[depth] >= column) depth--
        push(substr(text, 1, index(text, ":") - 1), column)
        text = trimmed(substr(text, index(text, ":") + 1))
        if (text == "" || text ~ /^#/) next
    }
    if (text ~ /^[|>][-+]?$/) {
        block = path()
        block_indent = column
        block_text = -1
        folded = ""
        separator = text ~ /^>/ ? " " : "\\n"
    } else value(path(), text)
}

END { end_block() }
