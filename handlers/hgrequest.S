/* hgrequest.py as a part of the program. */
    .section .rodata
    .global fg_hg_extension
fg_hg_extension:
    .incbin FG_HG_EXTENSION
    .global fg_hg_extension_end
fg_hg_extension_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
