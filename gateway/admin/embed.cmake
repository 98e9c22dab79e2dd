# Writes what builds the page's files into the program: assets.S, which takes the files in as they
# are, and assets.inc, the table of them. Run as a script with
#   WWW     the folder with the page's files
#   CHART   the file that is served as /chart.js
#   OUT     where to write
cmake_minimum_required(VERSION 3.25)
file(GLOB_RECURSE files RELATIVE ${WWW} ${WWW}/*)
list(SORT files)

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_json "application/json")
set(type_svg "image/svg+xml")
set(type_png "image/png")

set(number 0)
set(table "")
set(code "    .section .rodata\n")

# Adds one file under a path of URLs.
macro(embed file path)
    get_filename_component(extension ${file} LAST_EXT)
    string(SUBSTRING "${extension}" 1 -1 extension)
    if(NOT DEFINED type_${extension})
        message(FATAL_ERROR "${file}: which content type has a .${extension}?")
    endif()
    file(SHA256 ${file} hash)
    string(SUBSTRING ${hash} 0 32 etag)
    execute_process(COMMAND gzip -9nc ${file} OUTPUT_FILE ${OUT}/asset_${number}.gz
                    COMMAND_ERROR_IS_FATAL ANY)
    string(APPEND table "ASSET(${number}, \"${path}\", \"${type_${extension}}\", \"${etag}\")\n")
    foreach(form IN ITEMS plain gzip)
        if(form STREQUAL "plain")
            set(symbol fg_asset_${number})
            set(from ${file})
        else()
            set(symbol fg_asset_${number}_gzip)
            set(from ${OUT}/asset_${number}.gz)
        endif()
        string(APPEND code "    .global ${symbol}\n${symbol}:\n    .incbin \"${from}\"\n"
                           "    .global ${symbol}_end\n${symbol}_end:\n    .byte 0\n")
    endforeach()
    math(EXPR number "${number} + 1")
endmacro()

foreach(name IN LISTS files)
    if(name STREQUAL "index.html")
        embed(${WWW}/${name} "/")
    elseif(NOT name MATCHES "[.]md$")
        embed(${WWW}/${name} "/${name}")
    endif()
endforeach()
embed(${CHART} "/chart.js")
string(APPEND code "    .section .note.GNU-stack,\"\",%progbits\n")
file(WRITE ${OUT}/assets.S "${code}")
file(WRITE ${OUT}/assets.inc "${table}")
