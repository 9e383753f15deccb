# What `make install` leaves: the program, both archives, the headers, pkg-config files, the
# manual pages, the scenarios and the experiments. The pkg-config files find their prefix from where they lie.

if(TARGET lastack)
    install(TARGETS lastack RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(library lastack_core liblastack)
    if(TARGET ${library})
        install(TARGETS ${library} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    endif()
endforeach()
if(TARGET lastack_packetdrill)
    install(TARGETS lastack_packetdrill LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY include/lastack DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

install(DIRECTORY scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/lastack FILES_MATCHING
    PATTERN "*.scn")
install(DIRECTORY drill/personas DESTINATION ${CMAKE_INSTALL_DATADIR}/lastack FILES_MATCHING
    PATTERN "*.persona")
install(DIRECTORY experiments DESTINATION ${CMAKE_INSTALL_DATADIR}/lastack FILES_MATCHING
    PATTERN "*.lab")

set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix "/${pc_dir}" "/")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
foreach(pc lastack lastack-core)
    configure_file(cmake/${pc}.pc.in ${pc}.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${pc}.pc" DESTINATION ${pc_dir})
endforeach()

file(GLOB manual_pages CONFIGURE_DEPENDS docs/man/*.1)
if(manual_pages)
    install(FILES ${manual_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
